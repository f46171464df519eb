"""Flask-RESTX: resources with arguments, models and errors, and their description as Swagger."""

from __future__ import annotations

import pytest
from flask import Blueprint, Flask
from flask_restx import Api, Namespace, Resource, fields
from flask_restx.reqparse import RequestParser


class SoldOut(Exception):
    """There is none left."""


def make_items():
    items = Namespace("items", description="What the shop sells")
    item = items.model(
        "Item", {"name": fields.String(required=True), "price": fields.Integer(min=1)}
    )
    parser = RequestParser()
    parser.add_argument("most", type=int, location="args", default=2)
    store = {"tea": 3, "milk": 1, "cups": 8}

    @items.route("/")
    class Items(Resource):
        @items.marshal_list_with(item)
        def get(self):
            most = parser.parse_args()["most"]
            return [{"name": name, "price": store[name], "secret": 1} for name in sorted(store)][
                :most
            ]

        @items.expect(item, validate=True)
        @items.marshal_with(item, code=201)
        def post(self):
            store[items.payload["name"]] = items.payload.get("price", 1)
            return items.payload, 201, {"X-Items": str(len(store))}

    @items.route("/<name>")
    @items.param("name", "Its name")
    class One(Resource):
        @items.marshal_with(item)
        def get(self, name):
            if name not in store:
                items.abort(404, f"There is no {name}.", known=sorted(store))
            if name == "milk":
                raise SoldOut
            return {"name": name, "price": store[name]}

    return items


@pytest.fixture
def app():
    app = Flask(__name__)
    app.config["RESTX_MASK_SWAGGER"] = False
    blueprint = Blueprint("api", __name__, url_prefix="/api")
    api = Api(blueprint, title="Shop", version="2.0")
    api.add_namespace(make_items())

    @api.errorhandler(SoldOut)
    def sold_out(error):
        return {"message": "Sold out."}, 409

    app.register_blueprint(blueprint)
    return app


@pytest.fixture
def client(app):
    return app.test_client()


def test_a_list_and_its_argument(client):
    assert client.get("/api/items/").get_json() == [
        {"name": "cups", "price": 8},
        {"name": "milk", "price": 1},
    ]
    assert len(client.get("/api/items/?most=1").get_json()) == 1
    wrong = client.get("/api/items/?most=many")
    assert wrong.status_code == 400
    assert "most" in wrong.get_json()["errors"]


def test_a_new_item(client):
    answer = client.post("/api/items/", json={"name": "jam", "price": 4})
    assert (answer.status_code, answer.headers["X-Items"]) == (201, "4")
    assert answer.get_json() == {"name": "jam", "price": 4}
    assert client.get("/api/items/jam").get_json()["price"] == 4


def test_what_is_not_valid_is_refused(client):
    answer = client.post("/api/items/", json={"price": 0})
    assert answer.status_code == 400
    assert set(answer.get_json()["errors"]) == {"name", "price"}


def test_errors(client):
    answer = client.get("/api/items/coffee")
    assert answer.status_code == 404
    assert answer.get_json()["known"] == ["cups", "milk", "tea"]
    answer = client.get("/api/items/milk")
    assert (answer.status_code, answer.get_json()["message"]) == (409, "Sold out.")
    assert client.delete("/api/items/").status_code == 405


def test_the_description(client):
    description = client.get("/api/swagger.json").get_json()
    assert description["info"] == {"title": "Shop", "version": "2.0"}
    assert set(description["paths"]["/items/"]) == {"get", "post"}
    assert description["paths"]["/items/{name}"]["parameters"][0]["description"] == "Its name"
    assert "swagger-ui" in client.get("/api/").get_data(as_text=True)
    style = client.get("/swaggerui/swagger-ui.css")
    assert (style.status_code, style.mimetype) == (200, "text/css")
    style.close()
