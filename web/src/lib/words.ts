// What went wrong, and what one can do, in words.
import type { Failure } from "./connection";

const WORDS: Record<string, string> = {
  room_exists: "That name is taken. If you see the room in the list, you can enter it; otherwise choose another name.",
  room_not_found: "There is no room of this name. Check the name, or create it.",
  not_authorized: "Only its creator, and those whose token names this room, can enter.",
  not_a_member: "You are not in this room any more. Join it again, then repeat.",
  too_many_rooms: "You are in as many rooms as are allowed. Leave one first.",
  rate_limited: "Too much at once. Wait a moment, then repeat.",
  unavailable: "The server cannot do this right now. Try again in a moment.",
  join_failed: "The room could not be entered right now. Try again in a moment.",
  no_answer: "No answer has come. Try again when the connection is back.",
  user_not_found: "This person is not here. Retry once they are back.",
  poll_not_found: "There is no such poll. Polls are deleted a week after they were made.",
  poll_closed: "This poll is closed: it takes no more votes.",
  already_voted: "You have voted in this poll before. Everybody is counted once.",
  cell_taken: "This cell is taken. Choose another one.",
  not_your_turn: "It is not your turn.",
  game_over: "This game is over.",
  game_not_found: "The server does not know this game. Games are kept for an hour after their last move.",
  internal: "Something went wrong on the server. Try again; if it happens again, tell its operator.",
};

export const explain = ({ code, message }: Failure) => WORDS[code] ?? `${message}.`;
