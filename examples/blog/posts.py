"""Posts: the pages of the blog, writing, changing, deleting, and the feed."""

from __future__ import annotations

from typing import Any

from pottle import (
    Blueprint,
    Response,
    ResponseReturnValue,
    abort,
    flash,
    g,
    redirect,
    render_template,
    request,
    url_for,
)

from .auth import login_required
from .images import UnusableImageError, remove_image, save_image
from .store import Post, store

posts = Blueprint("posts", __name__)

PER_PAGE = 5
IN_FEED = 20
LONGEST_TITLE, LONGEST_BODY = 100, 20_000


class UnusablePostError(Exception):
    """What was written cannot be a post; the text says why."""


@posts.get("/", defaults={"page": 1})
@posts.get("/page/<int(min=1, max=1000000):page>")
async def index(page: int) -> str:
    """The posts, the newest first, page by page."""
    count = await store().count_posts()
    found = await store().posts(PER_PAGE, (page - 1) * PER_PAGE)
    if not found and page > 1:
        abort(404)
    last = max(1, -(-count // PER_PAGE))
    return await render_template("posts/index.html", posts=found, page=page, last=last)


@posts.get("/posts/<int(max=2147483647):id>")
async def show(id: int) -> str:
    """One post."""
    return await render_template("posts/show.html", post=await _post(id))


@posts.get("/write")
@login_required
async def write() -> str:
    """The form for a new post."""
    return await render_template("posts/edit.html", post=None, title="", body="")


@posts.post("/write")
@login_required
async def add() -> ResponseReturnValue:
    """A new post."""
    try:
        title, body = await _content()
        image = await _image()
    except (UnusablePostError, UnusableImageError) as error:
        return await _again(None, error)
    id = await store().add_post(g.user.id, title, body, image)
    flash("Your post is published.")
    return redirect(url_for(".show", id=id))


@posts.get("/posts/<int(max=2147483647):id>/edit")
@login_required
async def edit(id: int) -> str:
    """The form to change a post."""
    post = await _own_post(id)
    return await render_template("posts/edit.html", post=post, title=post.title, body=post.body)


@posts.post("/posts/<int(max=2147483647):id>/edit")
@login_required
async def change(id: int) -> ResponseReturnValue:
    """Change a post. Its picture stays, unless there is another one."""
    post = await _own_post(id)
    try:
        title, body = await _content()
        image = await _image()
    except (UnusablePostError, UnusableImageError) as error:
        return await _again(post, error)
    keep = "remove_image" not in await request.form and image is None
    await store().change_post(id, title, body, post.image if keep else image)
    if not keep:
        await remove_image(post.image)
    flash("Your post is changed.")
    return redirect(url_for(".show", id=id))


@posts.post("/posts/<int(max=2147483647):id>/delete")
@login_required
async def delete(id: int) -> ResponseReturnValue:
    """Delete a post and its picture."""
    post = await _own_post(id)
    await store().delete_post(id)
    await remove_image(post.image)
    flash("Your post is deleted.")
    return redirect(url_for(".index"))


@posts.get("/feed.xml")
async def feed() -> Response:
    """The newest posts, for feed readers (Atom, RFC 4287)."""
    found = await store().posts(IN_FEED)
    updated = max((post.updated for post in found), default=0)
    text = await render_template("posts/feed.xml", posts=found, updated=updated)
    response = Response(text, mimetype="application/atom+xml")
    await response.add_etag()
    await response.make_conditional(request)  # readers ask often, and mostly for nothing new
    return response


async def _post(id: int) -> Post:
    return await store().post(id) or abort(404, "There is no such post.")


async def _own_post(id: int) -> Post:
    post = await _post(id)
    if post.author_id != g.user.id:
        abort(403, "This is a post of somebody else.")
    return post


async def _content() -> tuple[str, str]:
    form = await request.form
    title, body = form["title"].strip(), form["body"].replace("\r\n", "\n").strip()
    if not 1 <= len(title) <= LONGEST_TITLE:
        raise UnusablePostError(f"A title has 1 to {LONGEST_TITLE} characters.")
    if not 1 <= len(body) <= LONGEST_BODY:
        raise UnusablePostError(f"A text has 1 to {LONGEST_BODY} characters.")
    return title, body


async def _image() -> str | None:
    file = (await request.files).get("image")
    # A browser sends a file without a name where none was chosen.
    return await save_image(file) if file is not None and file.filename else None


async def _again(post: Post | None, error: Exception) -> tuple[str, int]:
    """The form once more, with what was written, and what is wrong with it."""
    flash(str(error), "error")
    form = await request.form
    values: dict[str, Any] = {"title": form.get("title", ""), "body": form.get("body", "")}
    return await render_template("posts/edit.html", post=post, **values), 422
