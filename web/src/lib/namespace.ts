// Further namespaces over the same connection, as the same person: `const chat = useNamespace("/chat")`.
import { signal, type ReadonlySignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { Socket } from "socket.io-client";
import { ask, manager, type Answer } from "./connection";
import { credentials, phase, session } from "./session";

const REFUSED_RETRY_MS = 2_000;
/** The server has no such namespace, and will not have one in two seconds. */
const UNKNOWN = "Invalid namespace";

export interface Namespace {
  socket: Socket;
  connected: ReadonlySignal<boolean>;
  /** Why it cannot be entered, in the server's words; empty if it can. */
  refused: ReadonlySignal<string>;
  ask<T = object>(event: string, data?: unknown): Promise<Answer<T>>;
  close(): void;
}

/** Enters `name`; `extra` is said beside the token (a `roomId`). A namespace is open once at a time. */
export function openNamespace(name: string, extra: Record<string, unknown> = {}): Namespace {
  const connected = signal(false);
  const refused = signal("");
  const socket = manager.socket(name);
  socket.auth = (give) => give({ ...credentials(), ...extra });

  const up = () => ((connected.value = true), (refused.value = ""));
  const down = () => (connected.value = false);
  // Ended by the server: the token it was entered with is over, or the user signed out, which `session` tells.
  const ended = (reason: string) => {
    down();
    if (reason === "io server disconnect") setTimeout(again, REFUSED_RETRY_MS);
  };
  const again = () => open && phase.value !== "out" && socket.connect();
  const failed = (error: Error) => {
    if (socket.active) return; // The client tries again by itself.
    refused.value = error.message;
    if (error.message === UNKNOWN) return;
    setTimeout(again, REFUSED_RETRY_MS);
  };
  socket.on("connect", up).on("disconnect", ended).on("connect_error", failed);
  let open = true;
  if (socket.connected) up();
  else socket.connect();

  // Each namespace ends with the token that it was entered with.
  const renewed = session.on("renewed", (token) => void (socket.connected && ask(socket, "auth-refresh", { token })));

  const close = () => {
    open = false;
    renewed();
    socket.off();
    socket.disconnect();
    down();
  };
  return { socket, connected, refused, ask: (event, data) => ask(socket, event, data), close };
}

/** The same for as long as a component is shown. */
export function useNamespace(name: string, extra: Record<string, unknown> = {}): Namespace {
  const said = JSON.stringify(extra);
  const namespace = useMemo(() => openNamespace(name, JSON.parse(said) as Record<string, unknown>), [name, said]);
  useEffect(() => namespace.close, [namespace]);
  return namespace;
}
