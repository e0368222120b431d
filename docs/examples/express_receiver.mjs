// A receiver of odoo_events with Express: npm install express; PORT=8080 SECRET=whsec_... node express_receiver.mjs
//
// The signature covers the bytes as they came.  express.json() would throw them away, and JSON.stringify() does not bring them
// back: this route takes the raw body, and stands before any app.use(express.json()).
import { createHmac, timingSafeEqual } from 'node:crypto';
import express from 'express';

const key = Buffer.from(process.env.SECRET.replace(/^whsec_/, ''), 'base64');
const app = express();

function signed(request) {
  const { 'webhook-id': id, 'webhook-timestamp': stamp, 'webhook-signature': signatures = '' } = request.headers;
  const want = Buffer.from('v1,' + createHmac('sha256', key).update(`${id}.${stamp}.`).update(request.body).digest('base64'));
  const fits = signatures.split(' ').map((one) => Buffer.from(one)).some((one) => one.length === want.length && timingSafeEqual(one, want));
  return fits && Math.abs(Date.now() / 1000 - Number(stamp)) <= 300;
}

app.post('/hook', express.raw({ type: () => true, limit: '4mb' }), (request, response) => {
  if (!Buffer.isBuffer(request.body) || !signed(request)) return response.sendStatus(401);
  const event = JSON.parse(request.body);
  console.log(event.type, event.subject);      // yours: deduplicate by event.id, in the transaction of your work
  response.sendStatus(204);
});

app.use(express.json());                       // for the other routes
app.listen(Number(process.env.PORT));
