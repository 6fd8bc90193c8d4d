/** Draws `<!date^seconds^format^link|fallback>` in the reader's zone, as Slack does. */
import { el, link, plain } from "./dom.js";

const LOCALE = "en-GB";
const DAY = 24 * 3600 * 1000;
const FORMS = {
  date: { day: "numeric", month: "long", year: "numeric" },
  date_short: { day: "numeric", month: "short", year: "numeric" },
  date_long: { weekday: "long", day: "numeric", month: "long", year: "numeric" },
  date_slash: { day: "2-digit", month: "2-digit", year: "numeric" },
  time: { hour: "2-digit", minute: "2-digit" },
  time_secs: { hour: "2-digit", minute: "2-digit", second: "2-digit" },
};

/** Return the moment as words; the fallback where it is none. */
export function date(token, fallback) {
  const [, seconds, format = "{date}", address] = token.split("^");
  const moment = new Date(Number(seconds) * 1000);
  if (!seconds || Number.isNaN(moment.getTime())) return plain(fallback);
  const shown = plain(format).replace(/\{([a-z_]+)\}/g, (whole, name) => written(name, moment) ?? whole);
  const time = el("time", { datetime: moment.toISOString(), title: plain(fallback) }, shown);
  return address ? link(plain(address), time) : time;
}

function written(name, moment) {
  if (name === "date_num") return moment.toLocaleDateString("sv-SE");
  if (name === "ago") return ago(moment);
  const [, form, pretty] = /^(.*?)(_pretty)?$/.exec(name);
  if (!FORMS[form]) return null;
  return (pretty && near(moment)) || moment.toLocaleString(LOCALE, FORMS[form]);
}

function near(moment) {
  const midnight = (each) => new Date(each.getFullYear(), each.getMonth(), each.getDate()).getTime();
  const days = Math.round((midnight(moment) - midnight(new Date())) / DAY);
  return { "-1": "yesterday", 0: "today", 1: "tomorrow" }[days];
}

function ago(moment) {
  const seconds = (moment.getTime() - Date.now()) / 1000;
  const units = [["day", 86400], ["hour", 3600], ["minute", 60]];
  const [unit, size] = units.find(([, least]) => Math.abs(seconds) >= least) ?? ["second", 1];
  return new Intl.RelativeTimeFormat(LOCALE, { numeric: "auto" }).format(Math.round(seconds / size), unit);
}
