// Something worth looking at on a board, drawn by hands: how a message comes to everybody.

/** `[key of the colour, width, ...points]`, in pixels of a canvas of 1,200 by 690. */
const wobble = (n) => 2 * Math.sin(n * 1.7);
const along = (x1, y1, x2, y2) => [0, 0.25, 0.5, 0.75, 1].map((t, i) => [x1 + (x2 - x1) * t + wobble(i + x1), y1 + (y2 - y1) * t + wobble(i + y2)]);
const box = (x, y, w, h) => [...along(x, y, x + w, y), ...along(x + w, y, x + w, y + h), ...along(x + w, y + h, x, y + h), ...along(x, y + h, x, y - 2)];
const circle = (x, y, r) => Array.from({ length: 26 }, (_, i) => [x + (r + wobble(i)) * Math.cos(i / 4), y + (r + wobble(i)) * Math.sin(i / 4)]);
const arrow = (x1, y1, x2, y2) => {
  const turn = Math.atan2(y2 - y1, x2 - x1);
  const tip = (by) => [x2 - 14 * Math.cos(turn + by), y2 - 14 * Math.sin(turn + by)];
  return [...along(x1, y1, x2, y2), tip(0.5), [x2, y2], tip(-0.5)];
};
const LETTERS = {
  R: [[[0, 24], [0, 0], [10, 2], [12, 8], [8, 12], [0, 13]], [[5, 13], [13, 24]]],
  E: [[[12, 0], [0, 0], [0, 24], [12, 24]], [[0, 12], [9, 12]]],
  D: [[[0, 0], [0, 24], [8, 22], [13, 12], [8, 2], [0, 0]]],
  I: [[[3, 0], [3, 24]]],
  S: [[[12, 3], [6, 0], [1, 4], [3, 10], [10, 14], [12, 20], [6, 24], [0, 21]]],
  G: [[[12, 4], [6, 0], [0, 6], [0, 18], [6, 24], [12, 20], [12, 13], [7, 13]]],
  W: [[[0, 0], [4, 24], [8, 8], [12, 24], [16, 0]]],
  1: [[[1, 5], [6, 0], [6, 24]]],
  2: [[[1, 5], [6, 0], [12, 5], [1, 24], [13, 24]]],
  3: [[[1, 3], [7, 0], [11, 6], [5, 11], [12, 17], [7, 24], [0, 21]]],
};
const word = (text, x, y) => [...text].flatMap((letter, i) => LETTERS[letter].map((line) => line.map(([dx, dy]) => [x + i * 21 + dx, y + dy])));

export const DRAWING = [
  ["1", "Medium line", box(520, 120, 170, 80)],
  ...word("REDIS", 553, 148).map((points) => ["3", "Medium line", points]),
  ...[200, 530, 860].flatMap((x, i) => [
    ["1", "Medium line", box(x, 330, 150, 76)],
    ...word(`GW${i + 1}`, x + 42, 356).map((points) => ["7", "Medium line", points]),
    ["2", "Thin line", arrow(x + 75, 324, 560 + i * 45, 206)],
    ...[20, 75, 130].flatMap((dx) => [
      ["6", "Thin line", circle(x + dx, 500, 15)],
      ["2", "Thin line", arrow(x + dx, 484, x + 75, 412)],
    ]),
  ]),
  ["3", "Thick line", [[540, 320], [720, 424]]],
  ["3", "Thick line", [[716, 322], [538, 420]]],
  ["4", "Medium line", [[690, 540], [760, 575], [850, 560], [905, 524]]],
  ["4", "Medium line", [[888, 526], [906, 522], [908, 542]]],
  ["8", "Medium line", [[380, 610], [430, 590], [470, 625], [520, 592], [570, 622], [620, 594], [680, 615]]],
];

/** With the mouse and the keys. */
export async function drawAll({ page }, drawing) {
  const { x, y } = await page.locator(".paper canvas").boundingBox();
  for (const [key, wide, points] of drawing) {
    await page.getByRole("toolbar").getByRole("button", { name: wide, exact: true }).click();
    await page.keyboard.press(key);
    await page.mouse.move(x + points[0][0], y + points[0][1]);
    await page.mouse.down();
    for (const [px, py] of points.slice(1)) await page.mouse.move(x + px, y + py, { steps: 2 });
    await page.mouse.up();
  }
}
