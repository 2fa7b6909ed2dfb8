// JWTs (HS256) made in k6 from the cluster's secret.
import crypto from "k6/crypto";
import encoding from "k6/encoding";

/** A token for this user, valid for an hour unless told otherwise. */
export function token(secret, userId, { ttl = 3600, ...claims } = {}) {
  const now = Math.floor(Date.now() / 1000);
  const header = part({ alg: "HS256", typ: "JWT" });
  const body = part({ userId, username: userId, iat: now, exp: now + ttl, ...claims });
  const signature = crypto.hmac("sha256", secret, `${header}.${body}`, "base64rawurl");
  return `${header}.${body}.${signature}`;
}

function part(value) {
  return encoding.b64encode(JSON.stringify(value), "rawurl");
}
