import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  isLoginRoute,
  isSecretName,
  lenientDecode,
  LOGIN_LAST_SEGMENTS,
  LOGIN_SEGMENTS,
  NOT_SECRET,
  SECRET_ANYWHERE,
  SECRET_ENDINGS,
  SECRET_EXACT,
} from "./secret-names.ts";

test("every listed name is secret, in capitals, with hyphens, and inside brackets too", () => {
  for (const name of [...SECRET_ANYWHERE, ...SECRET_ENDINGS, ...SECRET_EXACT]) {
    for (const spelled of [name, name.toUpperCase(), `${name.slice(0, 2)}_-${name.slice(2)}`, `user[${name}]`, `a.${name}`])
      assert.ok(isSecretName(spelled), spelled);
  }
  for (const name of NOT_SECRET) assert.ok(!isSecretName(name), name);
});

test("names are told alike the second time, more of them than are kept, and very long ones", () => {
  for (let round = 0; round < 2; round++) {
    for (let index = 0; index < 10_000; index++) assert.equal(isSecretName(`name${index}`), false);
    assert.ok(isSecretName("password"));
    assert.ok(isSecretName(`${"x".repeat(100_000)}password`));
  }
});

test("every listed segment makes a login route, its neighbours don't", () => {
  for (const segment of LOGIN_SEGMENTS) assert.ok(isLoginRoute(`/a/${segment}/b`) && isLoginRoute(`/${segment}`));
  for (const segment of LOGIN_LAST_SEGMENTS)
    assert.ok(isLoginRoute(`/a/${segment}`) && isLoginRoute(`/a/${segment}/`) && !isLoginRoute(`/${segment}/b`));
  for (const path of ["/users", "/logins", "/authnx/a", "", "/"]) assert.ok(!isLoginRoute(path), path);
});

test("property: login routes are told as by their segments, one by one", () => {
  const segment = fc.constantFrom(
    "",
    ";",
    "a",
    "Login",
    "login;v=1",
    ";login",
    "TOKEN",
    "token",
    "tokens;a=b",
    "saml%32",
    "passwords",
    "%2Ftoken",
  );
  const told = (path: string): boolean => {
    const names = lenientDecode(path)
      .toLowerCase()
      .split("/")
      .map((part) => part.split(";", 1)[0] ?? "");
    const is = (list: readonly string[], name: string | undefined): boolean => name !== undefined && list.includes(name);
    return (
      names.some((name) => is(LOGIN_SEGMENTS, name)) ||
      is(
        LOGIN_LAST_SEGMENTS,
        names.findLast((name) => name !== ""),
      )
    );
  };
  fc.assert(
    fc.property(fc.array(segment, { maxLength: 6 }), (segments) => {
      const path = segments.join("/");
      assert.equal(isLoginRoute(path), told(path), path);
    }),
  );
});

test("percent-encoding is undone where it is valid", () => {
  assert.equal(lenientDecode("p%61ss%zz%"), "pass%zz%");
  assert.equal(lenientDecode("%C3%A9"), "é");
});
