import { render } from "preact";
import "./styles/tokens.css";
import "./styles/base.css";
import "./lib/theme";
import "./lib/people";
import { App } from "./app";
import { learnWays } from "./lib/identity";
import { start } from "./lib/session";

void learnWays();
start();
render(<App />, document.getElementById("app")!);
