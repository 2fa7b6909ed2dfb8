import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { countdown, hindrance, isMyTurn, other, result, running, spoken, verdict, type Game, type Mark as Which } from "../../lib/tictactoe";
import { connected, find, giveUp, move } from "../../lib/game";
import { me } from "../../lib/identity";
import { explain } from "../../lib/words";
import { go } from "../../router";
import { Avatar, Button, Dialog, ErrorNote, Pill } from "../../ui";
import { Board } from "./Board";
import { Mark } from "./marks";

const TICK_MS = 250;

/** `takesFocus`: one has just come from the lobby, whose buttons are gone. */
export function Table({ game, takesFocus }: { game: Game; takesFocus: boolean }) {
  const table = useRef<HTMLElement>(null);
  const refocus = (where: string) => document.activeElement === document.body && table.current!.querySelector<HTMLElement>(where)?.focus();
  useEffect(() => void (takesFocus && refocus(".cell[tabindex='0']")), [game.id]);
  // After the question whether to give up, the button that asked is gone.
  useEffect(() => void (game.over && refocus(".actions button")), [game.over !== null]);
  const [hint, setHint] = useState("");
  useEffect(() => setHint(""), [game.turn, game.pending?.cell, game.over]);
  const take = (cell: number) => {
    const why = hindrance(game, cell);
    const name = game.opponent.username;
    setHint({ "": "", over: "", pending: "Your move is on its way.", turn: `It is ${name}'s turn.`, taken: "This cell is taken." }[why]);
    move(cell);
  };
  const again = () => {
    go("game");
    find();
  };
  return (
    <section class="table" ref={table} aria-label={`Game against ${game.opponent.username}`}>
      <Players game={game} />
      <Status game={game} />
      <Board game={game} onTake={take} />
      <div class="table-note">
        {game.refused ? (
          <ErrorNote>Your move was taken back. {explain(game.refused.error)}</ErrorNote>
        ) : (
          <p class="small muted" role="status">
            {hint}
          </p>
        )}
      </div>
      <div class="actions">
        {game.over ? (
          <Button kind="primary" icon="refresh" onClick={again}>
            Play again
          </Button>
        ) : (
          <GiveUp game={game} />
        )}
      </div>
      <ReadOut game={game} />
    </section>
  );
}

function Players({ game }: { game: Game }) {
  const myself = { userId: me.value?.userId ?? "", username: me.value?.username ?? "" };
  return (
    <div class="players">
      <Player game={game} mark={game.mine} who={myself} you />
      <Player game={game} mark={other(game.mine)} who={game.opponent} />
    </div>
  );
}

function Player({ game, mark, who, you }: { game: Game; mark: Which; who: { userId: string; username: string }; you?: boolean }) {
  const turn = game.pending?.state === "made" ? other(game.mine) : game.turn;
  const moves = running(game) && turn === mark;
  const won = game.over?.winner === mark;
  return (
    <div class={`player ${you ? "you" : ""} ${moves ? "moves" : ""} ${won ? "won" : ""}`}>
      <Avatar {...who} />
      <span class="player-name">
        <strong class="cut" title={who.username}>{you ? "You" : who.username}</strong>
        <span class="small muted cut">{won ? "Winner" : moves ? "To move" : `Plays ${mark}`}</span>
      </span>
      <span class="player-mark">
        <Mark mark={mark} />
      </span>
    </div>
  );
}

/** How it is, in one line that is always there. */
function Status({ game }: { game: Game }) {
  const seconds = useCountdown(game);
  const name = game.opponent.username;
  const { over, pending } = game;
  if (over) {
    const { title, text } = verdict(game);
    return (
      <div class={`table-status over ${result(game) ?? ""}`}>
        <h2>{title}</h2>
        <p class="small muted">{text}</p>
      </div>
    );
  }
  if (!connected.value) {
    const words = pending ? "Your move goes out when the connection is back." : "Your place is kept for some seconds, and the game goes on by itself.";
    return <Line title={<Pill kind="warn">Reconnecting</Pill>} text={words} />;
  }
  if (seconds !== null) {
    const left = seconds > 0 ? ` is away: ${seconds} s until you win` : " has not come back";
    return <Line title={<Pill kind="warn"><Named name={name}>{left}</Named></Pill>} text={seconds > 0 ? "The game goes on if they are back in time." : "Asking who has won."} />;
  }
  if (pending?.state === "waiting") return <Line title={<Pill kind="warn">No answer yet</Pill>} text="Your move is sent again until it is answered." />;
  if (pending?.state === "sending") return <Line title="Sending your move" text="It counts once the server has it." />;
  if (isMyTurn(game)) return <Line title="Your turn" text="Take a free cell." mine />;
  return <Line title={<Named name={name}>'s turn</Named>} text="You will see the move at once." />;
}

/** A long name is cut, what is said of it is not: in one line, whatever the name. */
const Named = ({ name, children }: { name: string; children: ComponentChildren }) => (
  <>
    <span class="unseen">
      {name}
      {children}
    </span>
    <span class="named" aria-hidden="true">
      <span class="cut">{name}</span>
      <span>{children}</span>
    </span>
  </>
);

const Line = ({ title, text, mine }: { title: ComponentChildren; text: string; mine?: boolean }) => (
  <div class={`table-status ${mine ? "mine" : ""}`}>
    <h2 class="figures">{title}</h2>
    <p class="small muted">{text}</p>
  </div>
);

function useCountdown(game: Game): number | null {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (game.awayUntil === null) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, [game.awayUntil]);
  return countdown(game, Math.max(now, 0));
}

/** For readers: whose turn, what was taken, how it ended. Not the countdown's every second. */
function ReadOut({ game }: { game: Game }) {
  const [said, setSaid] = useState("");
  const before = useRef<Game | null>(null);
  useEffect(() => {
    const words = spoken(before.current, game);
    before.current = game;
    if (words) setSaid(words);
  }, [game]);
  return (
    <p class="unseen read-out" role="status">
      {said}
    </p>
  );
}

function GiveUp({ game }: { game: Game }) {
  const [asking, setAsking] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const end = async () => {
    setBusy(true);
    setError("");
    const answer = await giveUp(game.id);
    setBusy(false);
    // What ends it is the server's word, which takes this button away.
    if (answer.ok) setAsking(false);
    else setError(explain(answer.error));
  };
  return (
    <>
      <Button kind="quiet" onClick={() => setAsking(true)}>
        Give up
      </Button>
      {asking && (
        <Dialog title="Give up this game?" onClose={() => setAsking(false)}>
          <p><bdi>{game.opponent.username}</bdi> wins then. There is no way back into it.</p>
          {error && <ErrorNote>{error}</ErrorNote>}
          <div class="actions">
            <Button onClick={() => setAsking(false)}>Play on</Button>
            <Button kind="danger" busy={busy} onClick={() => void end()}>
              Give up
            </Button>
          </div>
        </Dialog>
      )}
    </>
  );
}

