"""For whoever operates it: does the process live, can it work, what has it done."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from mailer.web.site import TheSite

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
async def healthz() -> Response:
    """The process lives."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz")
async def readyz(site: TheSite) -> Response:
    """Each dependency, and 503 if one of them is down."""
    dependencies = dict(await site.ready())
    return JSONResponse(dependencies, 200 if all(dependencies.values()) else 503)


@router.get("/metrics")
async def metrics(site: TheSite) -> Response:
    """Prometheus' text format."""
    return Response(generate_latest(site.registry), headers={"content-type": CONTENT_TYPE_LATEST})
