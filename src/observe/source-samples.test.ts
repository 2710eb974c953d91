import { equal } from "node:assert/strict";
import { test } from "node:test";
import { sampleLines } from "./source-samples.ts";

test("samples of several sources stand under one type line, the source as a label", () => {
  const sources = [
    { source: "front", samples: { 'sidestream_x_total{did="a"}': 1, sidestream_y: 2 } },
    { source: "back", samples: { 'sidestream_x_total{did="a"}': 3 } },
  ];
  equal(
    sampleLines(sources),
    '# TYPE sidestream_x_total counter\nsidestream_x_total{source="front",did="a"} 1\nsidestream_x_total{source="back",did="a"} 3\n' +
      '# TYPE sidestream_y gauge\nsidestream_y{source="front"} 2\n',
  );
});
