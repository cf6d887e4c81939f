"""The pages: one router that includes those of `views/`."""

from fastapi import APIRouter

from retrograph.web.console.views import actions, api, flags, graph, health, job, jobs, live, start

router = APIRouter(include_in_schema=False)
for view in (jobs, job, start, graph, flags, actions, live, health, api):
    router.include_router(view.router)
