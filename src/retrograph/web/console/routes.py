"""The pages: one router that includes those of `views/`."""

from fastapi import APIRouter

from retrograph.web.console.views import actions, health, job, jobs

router = APIRouter(include_in_schema=False)
for view in (jobs, job, actions, health):
    router.include_router(view.router)
