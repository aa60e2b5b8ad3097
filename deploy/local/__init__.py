"""The whole stack on one machine, without containers: `python -m deploy.local.stack`, or `make run`."""
