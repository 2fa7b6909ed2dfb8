// A picture to keep: all that is drawn, on white paper.
import { extent, type Pen } from "../../lib/board";
import { paint } from "./painter";

const MARGIN = 24;
const SCALE = 2;
/** Browsers refuse larger ones. */
const LONGEST = 8_192;
const MOST_PIXELS = 24_000_000;

/** Gives the browser a file to save; false where there is nothing to see. */
export async function saveAsPng(lines: readonly (Pen & { points: readonly number[] })[], name: string): Promise<boolean> {
  const box = extent(lines);
  if (!box) return false;
  const [left, top] = [box[0] - MARGIN, box[1] - MARGIN];
  const [width, height] = [box[2] + MARGIN - left, box[3] + MARGIN - top];
  const scale = Math.min(SCALE, LONGEST / width, LONGEST / height, Math.sqrt(MOST_PIXELS / (width * height)));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.floor(width * scale));
  canvas.height = Math.max(1, Math.floor(height * scale));
  const context = canvas.getContext("2d")!;
  context.setTransform(scale, 0, 0, scale, -left * scale, -top * scale);
  for (const line of lines) paint(context, line, false);
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.globalCompositeOperation = "destination-over";
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  const file = await new Promise<Blob | null>((give) => canvas.toBlob(give, "image/png"));
  if (!file) return false;
  const address = URL.createObjectURL(file);
  const link = document.createElement("a");
  link.href = address;
  link.download = `${name.replace(/[^\w.-]/g, "-")}.png`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
  return true;
}
