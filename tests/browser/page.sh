#!/usr/bin/env bash
# Does the page of a running process read well in a real browser?
#
#   tests/browser/page.sh http://127.0.0.1:9464/ [TEXT EXPECTED IN THE FIRST HEADING]
#
# Light and dark, at 390, 760 and 1400 pixels: title and first heading are there, the content security policy was not
# violated, nothing else was asked for, and nothing is wider than the screen, also with everything unfolded. Where the
# variable SHOTS names a folder, pictures go there. Needs chromium; set CHROMIUM to use another binary.
set -euo pipefail

fail() { echo "page.sh: $*" >&2; exit 1; }

[ $# -ge 1 ] || fail "usage: page.sh URL [TEXT]"
url=$1
expected=${2:-}

chromium=${CHROMIUM:-}
for name in chromium chromium-browser google-chrome; do
  [ -n "$chromium" ] || chromium=$(command -v "$name" || true)
done
[ -n "$chromium" ] && command -v "$chromium" >/dev/null || fail "chromium is missing: apt-get install chromium"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Scheme (0 dark, 1 light), address, further options; the log goes to $scratch/log.
browse() {
  local scheme=$1 address=$2
  shift 2
  timeout 120 "$chromium" --headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking \
    --disable-component-update --disable-sync --disable-extensions --mute-audio --hide-scrollbars \
    --host-resolver-rules='MAP * ~NOTFOUND, EXCLUDE 127.0.0.1' --proxy-server=127.0.0.1:9 \
    --blink-settings=preferredColorScheme="$scheme" --enable-logging=stderr --v=0 \
    --user-data-dir="$scratch/profile" --window-size=1600,1000 --virtual-time-budget=4000 \
    "$@" "$address" 2>"$scratch/log" || fail "chromium stopped with code $?: $(tail -3 "$scratch/log")"
}

# What stands between the first OPEN and the CLOSE after it, without tags.
between() { tr '\n' ' ' <"$3" | sed -n "s/$1/\x01/;s/^[^\x01]*\x01//;s/$2.*//;s/<[^>]*>//g;p"; }

probe='<script>
addEventListener("load", () => {
  const root = document.documentElement;
  const wide = () => root.scrollWidth - root.clientWidth;
  const folded = wide();
  for (const one of document.querySelectorAll("details")) { one.open = true; }
  const unfolded = wide();
  const culprits = [...document.querySelectorAll("main *")].filter((e) => !e.closest(".scroll, .sr") && e.getBoundingClientRect().right > root.clientWidth + 1);
  const loads = performance.getEntriesByType("resource").length;
  parent.postMessage([innerWidth, folded, unfolded, loads, root.scrollHeight, culprits.length ? culprits[0].outerHTML.slice(0, 120) : ""], "*");
});
</script>'

for scheme in 1 0; do
  name=$([ "$scheme" = 1 ] && echo light || echo dark)
  # The page as it is served, with its own policy.
  browse "$scheme" "$url" --dump-dom >"$scratch/dom.html"
  title=$(between '<title>' '<\/title>' "$scratch/dom.html")
  heading=$(between '<h1[^>]*>' '<\/h1>' "$scratch/dom.html")
  [ -n "$title" ] || fail "there is no title"
  [ -n "$heading" ] || fail "there is no first heading"
  case $heading in *"$expected"*) ;; *) fail "the first heading is '$heading', expected '$expected' in it" ;; esac
  if complaints=$(grep -E 'Content Security Policy|Refused to|Uncaught|net::ERR' "$scratch/log" | grep -v favicon.ico); then
    fail "the browser complains: $complaints"
  fi
  # A copy with a probe, in a frame: a window cannot be made as narrow as a phone, and the page itself refuses frames.
  { cat "$scratch/dom.html"; printf '%s\n' "$probe"; } >"$scratch/probed.html"
  for width in 390 760 1400; do
    cat >"$scratch/frame.html" <<HTML
<!doctype html><style>body { margin: 0 }</style><iframe width="$width" height="1000" style="border:0" src="probed.html"></iframe>
<script>onmessage = (message) => {
  const [inner, folded, unfolded, loads, height, culprit] = message.data;
  Object.assign(document.body.dataset, { probe: [inner, folded, unfolded, loads, height].join(" "), culprit });
};</script>
HTML
    browse "$scheme" "file://$scratch/frame.html" --dump-dom >"$scratch/frame.dom"
    probe_of() { grep -o "data-$1=\"[^\"]*\"" "$scratch/frame.dom" | head -1 | sed 's/^[^"]*"//;s/"$//'; }
    read -r inner folded unfolded loads height < <(probe_of probe) || fail "the probe did not run at $width pixels"
    [ "$inner" = "$width" ] || fail "the page is $inner pixels wide, not $width"
    [ "$folded" -le 0 ] || fail "$folded pixels too wide at $width: $(probe_of culprit)"
    [ "$unfolded" -le 0 ] || fail "$unfolded pixels too wide at $width with everything unfolded: $(probe_of culprit)"
    [ "$loads" = 0 ] || fail "the page asked for $loads other files"
    if [ -n "${SHOTS:-}" ]; then
      sed "s/height=\"1000\"/height=\"$height\"/" "$scratch/frame.html" >"$scratch/shot.html"
      browse "$scheme" "file://$scratch/shot.html" --window-size="$width,$height" --screenshot="$SHOTS/$name-$width.png"
    fi
  done
done
echo "page.sh: ok: $heading"
