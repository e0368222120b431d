"""A receiver of odoo_events with FastAPI: pip install fastapi uvicorn; SECRET=whsec_... uvicorn fastapi_receiver:app

The signature covers the bytes as they came, so the handler reads request.body(): a declared model would only see parsed JSON.
"""
import base64
import hashlib
import hmac
import json
import os
import time

from fastapi import FastAPI, Request, Response

KEY = base64.b64decode(os.environ["SECRET"].removeprefix("whsec_"))
app = FastAPI()


def signed(headers, body):
    message = f"{headers.get('webhook-id')}.{headers.get('webhook-timestamp')}.".encode() + body
    want = b"v1," + base64.b64encode(hmac.digest(KEY, message, hashlib.sha256))
    given = headers.get("webhook-signature", "").encode("latin-1").split()
    if not any(hmac.compare_digest(want, one) for one in given):
        return False
    return abs(time.time() - int(headers["webhook-timestamp"])) <= 300


@app.post("/hook")
async def hook(request: Request):
    body = await request.body()
    if not signed(request.headers, body):
        return Response(status_code=401)
    event = json.loads(body)
    work(event)
    return Response(status_code=204)


def work(event):
    print(event["type"], event["subject"], flush=True)      # yours: deduplicate by event["id"], in the transaction of your work
