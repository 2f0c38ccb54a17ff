import * as vega from "vega";
import { compile, type TopLevelSpec } from "vega-lite";
import type { Figure, Measurement } from "../measure/sample.ts";
import type { Report } from "./report.ts";

const WIDTH = 460;
const BAR = 18;
const NAMES = 180;
const OURS = "#1f6f8b";
const OTHERS = "#b8c4c8";

/** The report as a picture: rates side by side, one panel for each figure and number of callers. */
export async function reportToSvg({ time, machine, quick, figures }: Report): Promise<string> {
  const { cpus, memoryGb, node, postgres } = machine;
  const spec: TopLevelSpec = {
    background: "white",
    padding: 16,
    title: {
      text: "Calls answered per second",
      subtitle: [
        "Median of the rounds; a line from the lowest to the highest.",
        `${cpus} cores, ${memoryGb} GB, Node ${node}, PostgreSQL ${postgres}, ${time.slice(0, 10)}${quick ? ", short runs" : ""}`,
      ],
      anchor: "start",
      offset: 16,
    },
    vconcat: figures.filter(({ measurements }) => measurements.length > 0).map(panelsOf),
    config: {
      font: "sans-serif",
      view: { stroke: null },
      axisX: { grid: false },
      axisY: { minExtent: NAMES, maxExtent: NAMES, labelLimit: 0, domain: false, ticks: false },
    },
  };
  const view = new vega.View(vega.parse(compile(spec).spec), { renderer: "none" });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}

type Panel = Extract<TopLevelSpec, { vconcat: unknown }>["vconcat"][number];

function panelsOf({ title, measurements }: Figure): Panel {
  const concurrencies = new Set(measurements.map(({ concurrency }) => concurrency));
  return {
    title: { text: title, anchor: "start" },
    // Panels of one figure are for comparing, so their bars have one scale.
    resolve: { scale: { x: "shared" } },
    vconcat: [...concurrencies]
      .toSorted((a, b) => a - b)
      .map((concurrency) => {
        const compared = measurements.filter((one) => one.concurrency === concurrency);
        return panelOf(`${concurrency} at once`, compared);
      }),
  };
}

function panelOf(title: string, measurements: readonly Measurement[]): Panel {
  const values = measurements.map(({ subject, median, spread: [lowest, highest] }) => ({
    subject,
    perSecond: median.perSecond,
    lowest,
    highest,
    colour: subject.startsWith("dispatcher") || subject.endsWith("chains") ? OURS : OTHERS,
  }));
  return {
    title: { text: title, anchor: "start", fontWeight: "normal" },
    data: { values },
    width: WIDTH,
    height: { step: BAR },
    encoding: { y: { field: "subject", type: "nominal", sort: null, title: null } },
    layer: [
      {
        mark: "bar",
        encoding: {
          x: { field: "perSecond", type: "quantitative", title: null },
          color: { field: "colour", type: "nominal", scale: null },
        },
      },
      {
        mark: "rule",
        encoding: { x: { field: "lowest", type: "quantitative" }, x2: { field: "highest" } },
      },
      {
        mark: { type: "text", align: "left", dx: 6 },
        encoding: {
          x: { field: "highest", type: "quantitative" },
          text: { field: "perSecond", format: ",.0f" },
        },
      },
    ],
  };
}
