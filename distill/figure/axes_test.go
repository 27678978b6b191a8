package figure

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestLabelsNeverCoverAnything(t *testing.T) {
	area := Box{0, 0, 280, 220}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		var labels []Label
		var points []Box
		for i := range 1 + rng.IntN(14) {
			x, y := 20+20*rng.Float64(), 20+180*rng.Float64()
			points = append(points, Box{x, y, x, y}.Grow(MarkerRadius))
			labels = append(labels, NewLabel(strings.Repeat("m", 3+i), x, y, 1000))
		}
		place(labels, points, area)
		var boxes []Box
		for _, l := range labels {
			if !l.placed {
				continue
			}
			if taken := append(boxes, points...); !l.box.inside(area) || !l.box.Free(taken) || !l.clear(l.box, taken) {
				t.Fatalf("%+v covers something", l)
			}
			boxes = append(boxes, l.box)
		}
		if len(boxes) == 0 {
			t.Errorf("none of %d labels has a place", len(labels))
		}
	}
}

func TestBarsThatWouldCoverEachOtherStandAside(t *testing.T) {
	bar := Box{0, 0, 10, 10}
	for name, c := range map[string]struct {
		others []Box
		want   float64
	}{
		"alone":         {nil, 0},
		"one in place":  {[]Box{bar}, 2 * asideBy},
		"a row of them": {[]Box{{-500, 0, 500, 10}}, 0},
		"one below":     {[]Box{{0, 10, 10, 20}}, 0},
	} {
		if got := Aside(bar, c.others); math.Abs(got) != c.want {
			t.Errorf("%s: moved by %v, want %v", name, got, c.want)
		}
	}
}

func TestTicksAreRound(t *testing.T) {
	join := func(ticks []Tick) string {
		var out []string
		for _, k := range ticks {
			out = append(out, k.Label)
		}
		return strings.Join(out, " ")
	}
	for _, c := range []struct {
		values []float64
		want   string
	}{
		{[]float64{50_000, 50_000}, "20 kB 50 kB 100 kB"},
		{[]float64{50_000, 2_500_000}, "100 kB 300 kB 1 MB 3 MB"},
		{[]float64{900, 40e9}, "10 kB 1 MB 100 MB 10 GB"},
		{[]float64{0}, "1 B 2 B"},
		{nil, "1 B 2 B 5 B 10 B"},
	} {
		if got := join(LogTicks(LogScale(c.values), 5, SizeTick)); got != c.want {
			t.Errorf("%v: %s, want %s", c.values, got, c.want)
		}
	}
	for _, c := range []struct {
		lo, hi float64
		want   string
	}{{0.1, 0.98, "0 20 40 60 80 100"}, {0.86, 0.93, "84 86 88 90 92 94"}, {1, 1, "90 92 94 96 98 100"}, {0, 0,
		"0 2 4 6 8 10"}} {
		if got := join(ShareTicks(ShareScale([]float64{c.lo, c.hi}))); got != c.want {
			t.Errorf("%v to %v: %s, want %s", c.lo, c.hi, got, c.want)
		}
	}
	if got := join(LinearTicks(Scale{Low: 1, High: 2400}, 6)); got != "500 1k 1.5k 2k" {
		t.Errorf("steps: %s", got)
	}
}

func TestScalesReachFromSideToSide(t *testing.T) {
	a := NewPanel(Box{10, 20, 110, 220}, Scale{Low: 1, High: 100, Log: true}, Scale{Low: 0, High: 1})
	for _, c := range []struct{ got, want float64 }{{a.X.At(1), 10}, {a.X.At(10), 60}, {a.X.At(100), 110},
		{a.Y.At(0), 220}, {a.Y.At(1), 20}} {
		if math.Abs(c.got-c.want) > 1e-9 {
			t.Errorf("at %v, want %v", c.got, c.want)
		}
	}
}

func TestPanelsStandSideBySideWithoutTouching(t *testing.T) {
	for n, want := range map[int]Grid{0: {1, 0}, 1: {1, 1}, 2: {2, 1}, 3: {3, 1}, 4: {2, 2}, 7: {3, 3}} {
		g := NewGrid(n)
		if g != want {
			t.Errorf("%d panels in %+v, want %+v", n, g, want)
		}
		var taken []Box
		for i := range n {
			b := g.At(i)
			if !b.Free(taken) || b.Left < MarginLeft || b.Right > PageWidth-MarginRight+1e-9 || b.Bottom > g.Height() {
				t.Errorf("panel %d of %d at %+v", i, n, b)
			}
			taken = append(taken, b)
		}
	}
}

func TestLegendsGoOnInTheNextRow(t *testing.T) {
	l := Legend{Left: 10, Right: 200, Top: 5}
	if l.Bottom() != 15 {
		t.Errorf("an empty legend ends at %v", l.Bottom())
	}
	for i := range 6 {
		l.Entries = append(l.Entries, Entry{Name: strings.Repeat("name", 3*i+1)})
	}
	rows := map[float64]bool{}
	l.each(func(e Entry, x, y float64) {
		rows[y] = true
		if end := x + l.swatch() + Width(l.name(e), Medium); end > l.Right {
			t.Errorf("%s ends at %v", e.Name, end)
		}
	})
	if len(rows) < 3 || l.Bottom() != 5+17*float64(len(rows)-1)+10 {
		t.Errorf("%d rows end at %v", len(rows), l.Bottom())
	}
}

func TestMarkersDifferInShapeAndHaveAboutOneSize(t *testing.T) {
	seen := map[string]bool{}
	for i, s := range shapes {
		area := 0.0
		for j, p := range s {
			q := s[(j+1)%len(s)]
			area += (p.x*q.y - q.x*p.y) / 2
		}
		if area = math.Abs(area); area < 1.2 || area > 3.8 {
			t.Errorf("shape %d has an area of %v", i, area)
		}
		seen[fmt.Sprintf("%.3v", s)] = true
	}
	if len(seen) != Shapes {
		t.Errorf("%d shapes of %d differ", len(seen), Shapes)
	}
}

func TestInksAreReadable(t *testing.T) {
	for _, i := range append([]Ink{Black, Gray}, Series...) {
		for _, c := range []struct{ ink, paper string }{{i.Light, Paper.Light}, {i.Dark, Paper.Dark}} {
			if ratio := contrast(c.ink, c.paper); ratio < 4.5 {
				t.Errorf("%s: %s on %s has a contrast of %.1f", i.Name, c.ink, c.paper, ratio)
			}
		}
	}
	names := map[string]bool{}
	for _, i := range Inks() {
		names[i.Name] = true
	}
	if len(names) != len(Inks()) || len(names) != 4+len(Series)+len(Heat) {
		t.Errorf("%d names of %d inks", len(names), len(Inks()))
	}
}

// contrast is WCAG's ratio of luminances.
func contrast(a, b string) float64 {
	luminance := func(hex string) (sum float64) {
		c := Ink{Light: hex}.color(1)
		for i, v := range []uint8{c.R, c.G, c.B} {
			f := float64(v) / 255
			if f <= 0.04045 {
				f /= 12.92
			} else {
				f = math.Pow((f+0.055)/1.055, 2.4)
			}
			sum += f * []float64{0.2126, 0.7152, 0.0722}[i]
		}
		return sum
	}
	x, y := luminance(a)+0.05, luminance(b)+0.05
	return max(x, y) / min(x, y)
}

func TestLongNamesLoseTheirMiddle(t *testing.T) {
	name := "random:as=dm:iterations=20"
	got := Ellipsis(name, 60, Small)
	if !strings.HasPrefix(got, "rand") || !strings.HasSuffix(got, "=20") || !strings.Contains(got, "…") ||
		Width(got, Small) > 60 {
		t.Errorf("%q", got)
	}
	if got := Ellipsis(name, 1000, Small); got != name {
		t.Errorf("%q", got)
	}
	if Width("wide", Strong) <= Width("wide", Small) || Width("\x00", Small) != Width("?", Small) {
		t.Error("widths are not those of what is written")
	}
}

func TestNumbersAreWrittenForPeople(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{SizeTick(0), "0 B"}, {SizeTick(500), "500 B"}, {SizeTick(20_000), "20 kB"}, {SizeTick(1e9), "1 GB"},
		{SizeTick(2000), "2 kB"}, {SizeTick(2500), "2.5 kB"}, {CountTick(500), "500"}, {CountTick(2500), "2.5k"},
		{Count(7), "7"}, {Count(1234567), "1,234,567"}, {Count(int64(-1000)), "-1,000"}, {Count(-100), "-100"},
		{Plural(1, "client"), "1 client"}, {Plural(2000, "client"), "2,000 clients"},
		{Percent(0.1234), "12.3 %"}, {Points(0.05), "+5.0"}, {Points(-0.05), "−5.0"}, {Points(-0.0001), "0.0"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}
