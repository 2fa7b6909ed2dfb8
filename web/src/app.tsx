import { Frame } from "./frame/Frame";
import { SignIn } from "./frame/SignIn";
import { phase } from "./lib/session";

export function App() {
  return phase.value === "out" ? <SignIn /> : <Frame />;
}
