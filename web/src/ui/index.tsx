// The parts that all pages are made of.
import "./ui.css";

export { Avatar } from "./Avatar";
export { Button, IconButton } from "./Button";
export { Dialog } from "./Dialog";
export { Empty } from "./Empty";
export { ErrorNote } from "./ErrorNote";
export { Field, Check } from "./Field";
export { Icon, type IconName } from "./Icon";
export { Panel } from "./Panel";
export { Pill } from "./Pill";
export { PresenceDot } from "./PresenceDot";
export { Skeleton } from "./Skeleton";
export { Sparkline } from "./Sparkline";
export { Time } from "./Time";
