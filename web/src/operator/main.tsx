import { render } from "preact";
import { OperatorView } from "./operator-view";
import { keptKey, signIn } from "./watch";

const root = document.getElementById("operator");
if (root === null) throw new Error("admin.html has an element #operator");
render(<OperatorView />, root);
const key = keptKey();
if (key !== null) void signIn(key);
