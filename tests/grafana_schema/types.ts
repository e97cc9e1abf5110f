// Grafana's types of a dashboard as they are in JSON, where an enum is its value.
import type { Dashboard as Whole, FieldConfig, FieldConfigSource, Panel as AnyPanel, RowPanel } from "@grafana/schema";
import type * as BarGauge from "@grafana/schema/dist/types/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen";
import type * as Stat from "@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen";
import type * as Table from "@grafana/schema/dist/types/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen";
import type * as Timeseries from "@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";

type AsJson<T> = T extends string
  ? `${T}`
  : T extends number
    ? `${T}` extends `${infer Value extends number}`
      ? Value
      : never
    : T extends (infer Item)[]
      ? AsJson<Item>[]
      : T extends object
        ? { [Key in keyof T]: AsJson<T[Key]> }
        : T;

// Grafana fills in the options that a panel leaves out.
type Panel<Kind, Options, Custom = Record<string, never>> = AsJson<Omit<AnyPanel, "type" | "options" | "fieldConfig">> & {
  type: Kind;
  options: AsJson<Partial<Options>>;
  fieldConfig: AsJson<Omit<FieldConfigSource, "defaults">> & {
    defaults: AsJson<Omit<FieldConfig, "custom">> & { custom?: AsJson<Partial<Custom>> };
  };
};

export type Dashboard = AsJson<Omit<Whole, "panels">> & {
  panels: (
    | (AsJson<RowPanel> & { type: "row" })
    | Panel<"stat", Stat.Options>
    | Panel<"bargauge", BarGauge.Options>
    | Panel<"table", Table.Options, Table.FieldConfig>
    | Panel<"timeseries", Timeseries.Options, Timeseries.FieldConfig>
  )[];
};
