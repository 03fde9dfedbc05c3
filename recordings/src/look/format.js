"use strict";
// Numbers and times as text, and the ticks of axes.

const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("data").textContent);
const isTime = data.axis === "time";
const escaped = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
const found = (values) => values.filter((it) => it !== null);
const sum = (values) => values.reduce((a, b) => a + b, 0);
const extent = (values) => values.reduce(([a, b], it) => [Math.min(a, it), Math.max(b, it)], [Infinity, -Infinity]);

// Numbers. A step is [mantissa, exponent], and prices and quantities are whole numbers of it.
const grouped = (text) => text.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
const count = (number) => grouped(String(Math.round(number)));
const many = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
function exact(number, [mantissa, exponent]) {
  if (number === null || number === undefined) return "–";
  const value = BigInt(Math.round(number)) * BigInt(mantissa);
  const digits = String(value < 0n ? -value : value);
  const sign = value < 0n ? "−" : "";
  if (exponent >= 0) return sign + grouped(digits + (value === 0n ? "" : "0".repeat(exponent)));
  const padded = digits.padStart(1 - exponent, "0");
  const part = padded.slice(exponent);
  // Many decimal places are those of the format, not of the price.
  const shown = exponent < -4 ? part.slice(0, 2) + part.slice(2).replace(/0+$/, "") : part;
  return `${sign}${grouped(padded.slice(0, exponent))}.${shown}`;
}
const scaled = (number, [mantissa, exponent]) =>
  exponent < 0 ? (number * mantissa) / 10 ** -exponent : number * mantissa * 10 ** exponent;
function axisNumber(number, step) {
  if (Math.abs(number) < step / 1e6) return "0";
  if (step >= 1000)
    return new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 2 }).format(number);
  const places = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const exactStep = Math.abs(step * 10 ** places - Math.round(step * 10 ** places)) < 1e-6;
  return number.toLocaleString("en", {
    minimumFractionDigits: 0,
    maximumFractionDigits: exactStep ? places : places + 1,
  });
}
function duration(ns) {
  const units = [
    [1e9, "s"],
    [1e6, "ms"],
    [1e3, "µs"],
    [1, "ns"],
  ];
  const [size, name] = units.find(([size]) => ns >= size) || units[3];
  return `${Number((ns / size).toPrecision(3))} ${name}`;
}

// Times: positions are nanoseconds after data.origin, which is in milliseconds since 1970.
function clock(position, step) {
  if (!isTime) return count(data.origin + position);
  const ms = data.origin + Math.floor(position / 1e6);
  const iso = new Date(ms).toISOString();
  if (step >= 864e11) return iso.slice(0, 10);
  if (step >= 6e10) return iso.slice(11, 16);
  if (step >= 1e9) return iso.slice(11, 19);
  if (step >= 1e6) return iso.slice(11, 23);
  return iso.slice(11, 23) + String(Math.floor(position % 1e6)).padStart(6, "0");
}
// A recording whose date is not known begins on the first day of 1970.
const isDated = data.origin >= 864e5;
const clockText = isDated ? "Times are UTC." : "Times count from midnight.";
const timeHead = isDated ? "Time (UTC)" : "Time";
function moment(position) {
  if (!isTime) return `command ${clock(position)}`;
  const date = new Date(data.origin + Math.floor(position / 1e6)).toISOString();
  return (date.startsWith("1970-01-01") ? "" : `${date.slice(0, 10)} `) + clock(position, 1e6);
}

// Ticks.
function niceStep(span, most) {
  const raw = span / most,
    power = 10 ** Math.floor(Math.log10(raw));
  return [1, 2, 2.5, 5, 10].map((it) => it * power).find((it) => it >= raw * 0.999) || raw;
}
function timeStep(span, most) {
  const raw = span / most;
  if (!isTime) return Math.max(1, niceStep(span, most));
  if (raw < 1e9) return niceStep(span, most);
  const seconds = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 14400, 21600, 43200, 86400];
  return (seconds.find((it) => it * 1e9 >= raw) || 86400 * Math.ceil(raw / 864e11)) * 1e9;
}
function ticks(low, high, step, base = 0) {
  const list = [];
  for (let at = Math.ceil((low + base) / step - 1e-9) * step - base; at <= high + step * 1e-9; at += step)
    list.push(at);
  return list;
}
