// Reading Prometheus' text format.

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/** All samples: `[{name, labels, value}]`. */
export function parse(text) {
  return text
    .split("\n")
    .map((line) => SAMPLE.exec(line))
    .filter(Boolean)
    .map(([, name, labels = "", value]) => ({
      name,
      labels: Object.fromEntries([...labels.matchAll(LABEL)].map(([, key, text]) => [key, text])),
      value: Number(value),
    }));
}

/** What a node's operator port says now. */
export async function scrape(node) {
  const answer = await fetch(`${node.admin}/metrics`);
  if (!answer.ok) throw new Error(`${node.name} /metrics: ${answer.status}`);
  return parse(await answer.text());
}

/** The sum of `name` over all nodes, where the labels are as given. */
export async function total(nodes, name, labels = {}) {
  const samples = (await Promise.all(nodes.map(scrape))).flat();
  const wanted = Object.entries(labels);
  const fits = (s) => s.name === name && wanted.every(([key, value]) => s.labels[key] === value);
  return samples.filter(fits).reduce((sum, sample) => sum + sample.value, 0);
}
