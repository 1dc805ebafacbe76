/* SPDX-License-Identifier: Apache-2.0
 *
 * Pages of HTML: the frame, the style sheet, and the names of others as text.
 */
#include "show/page/html.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "show/text/table.h"

/* The colours are Okabe and Ito's, which people of any colour vision tell apart; they differ in
 * lightness, too, for grey print.  Dark ones are for screens only. */
static const char style[] =
    ":root{color-scheme:light;--ink:#1a1a1a;--soft:#595959;--line:#c8c8c8;--page:#fff;--card:#"
    "f5f5f3;"
    "--energy:#0072b2;--operational:#0072b2;--embodied:#e69f00;--idle:#e69f00;--other:#cc79a7;--"
    "counters:#7a7a7a}\n"
    "@media screen and "
    "(prefers-color-scheme:dark){:root{color-scheme:dark;--ink:#ececec;--soft:#b0b0b0;--line:#"
    "4a4a4a;"
    "--page:#161616;--card:#222;--energy:#56b4e9;--operational:#56b4e9}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--page);color:var(--ink);font:16px/1.45 system-ui,sans-serif}\n"
    "main{max-width:1200px;margin:0 auto;padding:16px}\n"
    "h1{font-size:1.6em;line-height:1.2;margin:.3em 0}\n"
    "h2{font-size:1.2em;margin:1.6em 0 .5em}\n"
    "h3{font-size:1.05em;margin:1.4em 0 .5em}\n"
    "p,ul{margin:.4em 0}\n"
    "bdi{overflow-wrap:anywhere}\n"
    ".soft,.note,figcaption{color:var(--soft);font-size:.875em}\n"
    ".figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(250px,1fr));gap:12px;"
    "margin:16px 0}\n"
    ".figures>div{background:var(--card);border:1px solid "
    "var(--line);border-radius:6px;padding:10px 14px}\n"
    "dt{font-size:.875em;color:var(--soft)}\n"
    "dd{margin:0}\n"
    ".main{font-size:1.5em;font-weight:600;line-height:1.3}\n"
    ".charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:"
    "24px;align-items:start;margin-top:24px}\n"
    "figure{margin:0}\n"
    "figcaption{margin-bottom:8px}\n"
    "figcaption strong{color:var(--ink);font-size:1.15em}\n"
    "figure>svg{display:block;width:100%;height:auto}\n"
    "svg text{fill:currentColor}\n"
    "svg .energy{fill:var(--energy)}\n"
    "svg .operational{fill:var(--operational)}\n"
    "svg .embodied{fill:var(--embodied)}\n"
    "svg .idle{fill:var(--idle)}\n"
    "svg .other{fill:var(--other)}\n"
    "svg .counters{fill:var(--counters)}\n"
    ".key{display:inline-block;width:.8em;height:.8em;print-color-adjust:exact;"
    "-webkit-print-color-adjust:exact}\n"
    ".part{margin-left:.6em;white-space:nowrap}\n"
    ".key.energy{background:var(--energy)}\n"
    ".key.operational{background:var(--operational)}\n"
    ".key.embodied{background:var(--embodied)}\n"
    ".key.idle{background:var(--idle)}\n"
    ".key.other{background:var(--other)}\n"
    ".key.counters{background:var(--counters)}\n"
    "small{display:block;font-size:.86em;font-weight:normal;color:var(--soft)}\n"
    ".wide{overflow-x:auto}\n"
    "table{border-collapse:collapse;width:100%;font-size:.875em;font-variant-numeric:tabular-nums}"
    "\n"
    "th,td{padding:5px 8px;border-bottom:1px solid "
    "var(--line);text-align:right;vertical-align:top}\n"
    "thead th{vertical-align:bottom;border-bottom:2px solid var(--soft)}\n"
    "td{white-space:nowrap}\n"
    "th.name{text-align:left}\n"
    "tbody th.name{font-weight:normal;min-width:8em}\n"
    "th "
    "bdi{display:inline-block;max-width:16em;overflow:hidden;overflow-wrap:break-word;vertical-"
    "align:bottom}\n"
    "tbody th.gpu{min-width:11em}\n"
    "th.gpu bdi{max-width:15em;overflow-wrap:anywhere}\n"
    "tfoot th,tfoot td{border-top:2px solid var(--soft);font-weight:600}\n"
    ".words{white-space:normal;text-align:left;min-width:9em}\n"
    "@media (max-width:500px){main{padding:10px}}\n"
    "@page{size:A4;margin:12mm}\n"
    "@media "
    "print{body{font-size:9pt}main{max-width:none;padding:0}.figures{grid-template-columns:repeat("
    "4,1fr);gap:5px;margin:8px 0}.figures>div{padding:4px 8px}.main{font-size:1.3em}"
    ".figures>div,figure,tr,li{break-inside:avoid}h2,h3{break-after:avoid}.charts{grid-template-"
    "columns:1fr 1fr;gap:12px;margin-top:12px}h2{margin:1em 0 .3em}h3{margin:.8em 0 .3em}"
    ".wide{overflow:visible}thead{display:table-header-group}tfoot{display:table-row-group}table{"
    "font-size:7.5pt}"
    "th,td{padding:2px 3px}tbody th.name{min-width:6.5em}th bdi{max-width:11em}tbody "
    "th.gpu{min-width:14em}th.gpu bdi{max-width:18em}.words{min-width:0}}\n";

void html_begin(struct buffer *out, const char *title)
{
    buffer_print(
        out,
        "<!DOCTYPE html>\n<html lang=\"en-GB\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
        "'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta name=\"referrer\" "
        "content=\"no-referrer\">\n<title>%s</title>\n<style>\n%s</style>\n</head>\n<body>\n"
        "<main>\n<h1>%s</h1>\n",
        title, style, title);
}

void html_end(struct buffer *out)
{
    buffer_print(out, "</main>\n</body>\n</html>\n");
}

void html_text(struct buffer *out, const char *text)
{
    struct buffer shown = {0};
    text_escape(&shown, text);
    for (const char *c = buffer_text(&shown); *c; c++)
        switch (*c) {
        case '<':
            buffer_print(out, "&lt;");
            break;
        case '>':
            buffer_print(out, "&gt;");
            break;
        case '&':
            buffer_print(out, "&amp;");
            break;
        case '"':
            buffer_print(out, "&quot;");
            break;
        case '\'':
            buffer_print(out, "&#39;");
            break;
        default:
            buffer_append(out, c, 1);
        }
    out->failed |= shown.failed;
    buffer_clear(&shown);
}

void html_name(struct buffer *out, const char *name)
{
    enum { SHOWN = 64 };
    char cut[SHOWN + sizeof "..."];
    struct buffer whole = {0};
    if (!name[0]) {
        buffer_print(out, "unknown");
        return;
    }
    text_escape(&whole, name);
    buffer_print(out, "<bdi");
    if (whole.length >= sizeof cut) {
        buffer_print(out, " title=\"");
        html_text(out, name);
        buffer_print(out, "\"");
    }
    buffer_print(out, ">");
    html_text(out, text_escape_into(cut, sizeof cut, name));
    buffer_print(out, "</bdi>");
    out->failed |= whole.failed;
    buffer_clear(&whole);
}

void html_value(struct buffer *out, double value, const char *shown)
{
    if (isfinite(value))
        buffer_print(out, "<data value=\"%.12g\">%s</data>", value, shown);
    else
        buffer_print(out, "%s", shown);
}

void html_time(struct buffer *out, int64_t wall_ms)
{
    char iso[32];
    if (strlen(clock_format_wall(wall_ms, iso)) < 24)
        buffer_print(out, "unknown");
    else
        buffer_print(out, "<time datetime=\"%s\">%.10s %.5s UTC</time>", iso, iso, iso + 11);
}

/* --- Values --- */

void html_number(struct buffer *out, double value)
{
    char text[UNIT_SIZE];
    html_value(out, value, unit_count(text, value));
}

void html_energy(struct buffer *out, double energy_j)
{
    char text[UNIT_SIZE];
    html_value(out, energy_j, unit_watt_hours(text, energy_j));
}

void html_grams(struct buffer *out, double grams)
{
    char text[UNIT_SIZE];
    html_value(out, grams, unit_grams(text, grams));
}

/* Three digits: a small value is not rounded to nothing. */
static void put_percent(struct buffer *out, double fraction, const char *sign)
{
    char text[64];
    double percent = 100 * fraction;
    if (!isfinite(percent))
        snprintf(text, sizeof text, "unknown");
    else if (fabs(percent) < 99.95)
        snprintf(text, sizeof text, "%s%.3g %%", percent > 0 ? sign : "", percent);
    else
        snprintf(text, sizeof text, "%s%.0f %%", percent > 0 ? sign : "", percent);
    html_value(out, fraction, text);
}

void html_percent(struct buffer *out, double fraction)
{
    put_percent(out, fraction, "");
}

void html_change(struct buffer *out, double fraction)
{
    put_percent(out, fraction, "+");
}

void html_limit(struct buffer *out, uint32_t limit_mw)
{
    char text[UNIT_SIZE];
    html_value(out, limit_mw ? limit_mw / 1e3 : (double)NAN, unit_limit(text, limit_mw));
}

void html_error(struct buffer *out, double energy_j)
{
    buffer_print(out, "&#177; ");
    html_energy(out, energy_j);
}

void html_below(struct buffer *out, void (*put)(struct buffer *, double), double value)
{
    buffer_print(out, " <small>");
    put(out, value);
    buffer_print(out, "</small>");
}

/* --- Figures and tables --- */

void html_figure(struct buffer *out, const char *name)
{
    buffer_print(out, "<div><dt>%s</dt><dd class=\"main\">", name);
}

void html_note(struct buffer *out, const char *words)
{
    buffer_print(out, "</dd>\n<dd class=\"note\">%s", words);
}

void html_figure_end(struct buffer *out)
{
    buffer_print(out, "</dd></div>\n");
}

void html_table(struct buffer *out, const char *id)
{
    buffer_print(
        out,
        "<div class=\"wide\" role=\"region\" aria-labelledby=\"%s\" tabindex=\"0\">\n<table>\n",
        id);
}

void html_table_end(struct buffer *out)
{
    buffer_print(out, "</table>\n</div>\n");
}
