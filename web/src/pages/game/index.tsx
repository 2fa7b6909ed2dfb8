import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { running } from "../../lib/tictactoe";
import { connected, game, open, played, refused, seeking, told } from "../../lib/game";
import { me } from "../../lib/identity";
import { go, replace } from "../../router";
import { Button, Empty, ErrorNote, Skeleton } from "../../ui";
import { Lobby } from "./Lobby";
import { Record } from "./Record";
import { Table } from "./Table";
import "./game.css";

/** Tic-tac-toe with whoever else looks for it. */
export default function GamePage({ rest }: { rest: string[] }) {
  const [id] = rest;
  const known = me.value !== null;
  useEffect(() => void (known && open()), [known]);
  const one = game.value;
  const inLobby = useRef(false);
  if (!id) inLobby.current = true;
  const goesOn = running(one) && !seeking.value;
  // A game that goes on is where one is, as long as no other one was asked for.
  useLayoutEffect(() => {
    if (goesOn && !id) replace("game", one.id);
  }, [goesOn, one?.id, id]);
  return (
    <div class="game-page">
      <div class="game-width">
        {refused.value && <ErrorNote>{refused.value}. Trying again.</ErrorNote>}
        {!known && <Skeleton rows={6} label="Connecting" />}
        {known && !id && <Lobby />}
        {known && id && one?.id === id && (one.known || one.over) && <Table key={id} game={one} takesFocus={inLobby.current} />}
        {known && id && one?.id === id && !one.known && !one.over && <Skeleton rows={6} label="Loading the game" />}
        {known && id && one?.id !== id && <Elsewhere id={id} />}
        {known && <Record />}
      </div>
    </div>
  );
}

/** The address of another game than one's own. */
function Elsewhere({ id }: { id: string }) {
  const before = played.value.find((one) => one.id === id);
  if (!told.value && !before) return <Skeleton rows={6} label={connected.value ? "Loading the game" : "Connecting"} />;
  const current = running(game.value) ? game.value : null;
  const words = { won: "You won", lost: "You lost", draw: "A draw" };
  return (
    <section class="game-elsewhere" aria-label="Game">
      <Empty icon="game" title={before ? `${words[before.result]} against ${before.opponent.username}` : "This game cannot be shown"}>
        <div role="alert">
          <p>
            {before
              ? "This game is over. Boards are kept for ten minutes after the end."
              : "It is somebody else's, or it has ended. Only its two players see a game, and boards are kept for ten minutes after the end."}
          </p>
        </div>
        <div class="actions">
          {current ? (
            <Button kind="primary" onClick={() => go("game", current.id)}>
              To your game
            </Button>
          ) : (
            <Button kind="primary" onClick={() => go("game")}>
              Play a game
            </Button>
          )}
        </div>
      </Empty>
    </section>
  );
}
