#!/usr/bin/env bash
# Does a report read well in a real browser, with the network off?
#
#   tests/browser/report.sh REPORT.html [TEXT EXPECTED IN THE FIRST HEADING]
#
# At 390, 760 and 1400 pixels, light and dark: the title and the first heading are there, the page's own script ran, its
# content security policy was not violated, nothing was asked of the network, and nothing is wider than the screen,
# also with everything unfolded. Needs chromium; set CHROMIUM to use another binary.
set -euo pipefail

fail() { echo "report.sh: $*" >&2; exit 1; }

[ $# -ge 1 ] || fail "usage: report.sh REPORT.html [TEXT]"
page=$(realpath -- "$1") && [ -s "$page" ] || fail "$1 is not there or empty"
expected=${2:-}

chromium=${CHROMIUM:-}
for name in chromium chromium-browser google-chrome; do
  [ -n "$chromium" ] || chromium=$(command -v "$name" || true)
done
[ -n "$chromium" ] && command -v "$chromium" >/dev/null || fail "chromium is missing: apt-get install chromium"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Scheme (0 dark, 1 light) and file; the document after its scripts goes to standard output, the log to $scratch/log.
browse() {
  local scheme=$1 file=$2
  timeout 120 "$chromium" --headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking \
    --disable-component-update --disable-sync --disable-extensions --mute-audio \
    --host-resolver-rules='MAP * ~NOTFOUND' --proxy-server=127.0.0.1:9 \
    --blink-settings=preferredColorScheme="$scheme" --enable-logging=stderr --v=0 \
    --user-data-dir="$scratch/profile" --window-size=1600,1000 --virtual-time-budget=4000 \
    --dump-dom "file://$file" 2>"$scratch/log" || fail "chromium stopped with code $?: $(tail -3 "$scratch/log")"
}

# A copy whose policy lets a probe in. The page itself is looked at unchanged first. The copy stands in a frame, because
# a window cannot be made as narrow as a phone.
probe='<script>
addEventListener("load", () => {
  const root = document.documentElement;
  const wide = () => root.scrollWidth - root.clientWidth;
  const folded = wide();
  for (const one of document.querySelectorAll("details")) { one.removeAttribute("name"); one.open = true; }
  const unfolded = wide();
  const culprits = [...document.querySelectorAll("main *")].filter((e) => !e.closest(".scroll") && e.getBoundingClientRect().right > root.clientWidth + 1);
  const loads = performance.getEntriesByType("resource").length;
  parent.postMessage([innerWidth, folded, unfolded, loads, culprits.length ? culprits[0].outerHTML.slice(0, 120) : ""], "*");
});
</script>'
sed 's/<meta http-equiv="Content-Security-Policy"[^>]*>//' "$page" >"$scratch/probed.html"
printf '%s\n' "$probe" >>"$scratch/probed.html"

# What stands between the first OPEN and the CLOSE after it, without tags.
between() { tr '\n' ' ' <"$3" | sed -n "s/$1/\x01/;s/^[^\x01]*\x01//;s/$2.*//;s/<[^>]*>//g;p"; }

for scheme in 1 0; do
  browse "$scheme" "$page" >"$scratch/dom.html"
  title=$(between '<title>' '<\/title>' "$scratch/dom.html")
  heading=$(between '<h1[^>]*>' '<\/h1>' "$scratch/dom.html")
  [ -n "$title" ] || fail "there is no title"
  [ -n "$heading" ] || fail "there is no first heading"
  case $heading in *"$expected"*) ;; *) fail "the first heading is '$heading', expected '$expected' in it" ;; esac
  if complaints=$(grep -E 'Content Security Policy|Refused to|Uncaught|net::ERR' "$scratch/log"); then
    fail "the browser complains: $complaints"
  fi
  # The script takes the hints of the charts over; where it ran none is left.
  [ "$(grep -o '<title>' "$scratch/dom.html" | wc -l)" = 1 ] || fail "the page's own script did not run"
  for width in 390 760 1400; do
    cat >"$scratch/frame.html" <<HTML
<!doctype html><iframe width="$width" height="1000" style="border:0" src="probed.html"></iframe>
<script>onmessage = (message) => {
  const [inner, folded, unfolded, loads, culprit] = message.data;
  Object.assign(document.body.dataset, { probe: [inner, folded, unfolded, loads].join(" "), culprit });
};</script>
HTML
    browse "$scheme" "$scratch/frame.html" >"$scratch/frame.dom"
    probe_of() { grep -o "data-$1=\"[^\"]*\"" "$scratch/frame.dom" | head -1 | sed 's/^[^"]*"//;s/"$//'; }
    read -r inner folded unfolded loads < <(probe_of probe) || fail "the probe did not run at $width pixels"
    [ "$inner" = "$width" ] || fail "the page is $inner pixels wide, not $width"
    [ "$folded" -le 0 ] || fail "$folded pixels too wide at $width: $(probe_of culprit)"
    [ "$unfolded" -le 0 ] || fail "$unfolded pixels too wide at $width with everything unfolded: $(probe_of culprit)"
    [ "$loads" = 0 ] || fail "the page asked for $loads other files"
  done
done
echo "report.sh: ok: $heading"
