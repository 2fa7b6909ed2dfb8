// Tokens as an application would issue them.

import jwt from "jsonwebtoken";

export const now = () => Math.floor(Date.now() / 1000);

/** A token that is good for an hour, unless `claims` says otherwise; `undefined` takes a claim out. */
export function sign(claims, secret, options = {}) {
  const all = { iat: now(), exp: now() + 3_600, ...claims };
  const present = Object.entries(all).filter(([, value]) => value !== undefined);
  return jwt.sign(Object.fromEntries(present), secret, {
    algorithm: "HS256",
    noTimestamp: true,
    allowInvalidAsymmetricKeyTypes: true,
    ...options,
  });
}
