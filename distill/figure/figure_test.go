package figure

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"regexp"
	"strings"
	"testing"
)

// everything is a drawing with one of each element.
func everything() Figure {
	return Figure{Name: "all", Title: `One & <each> "of"`, Alt: "a line\x00 of\xff text", Width: 300, Height: 200,
		Draw: func(p *Pen) {
			a := NewPanel(Box{40, 60, 280, 160}, LogScale([]float64{10, 1000}), ShareScale([]float64{0.2, 0.9}))
			a.Frame(p, "panel", "y", "x", LogTicks(a.X, 5, SizeTick), ShareTicks(a.Y))
			taken := a.Level(p, 0.5, "level", nil)
			p.Faint(Series[0], 50, 60, 80, 60, 80, 90)
			p.Line(Series[1], LineWidth, []float64{3, 2.5}, 50, 150, 100, 100, 150, 120)
			p.Markers(Marker{Ink: Series[1], Shape: 2}, 0, 50, 150, 100, 100, 150, 120)
			p.Labels([]Label{NewLabel("<name>", 100, 100, 80)}, taken, a.Box)
			p.Boxes(Heat[2], Box{200, 60, 210, 70}, Box{220, 60, 230, 70})
			Legend{Entries: []Entry{{"series", Marker{Ink: Series[2], Outlined: true}}}, Left: 40, Right: 280, Top: 180}.Draw(p)
		}}
}

// parse reads an SVG document and counts its elements.
func parse(t *testing.T, content []byte) map[string]int {
	t.Helper()
	d, seen := xml.NewDecoder(bytes.NewReader(content)), map[string]int{}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return seen
		}
		if err != nil {
			t.Fatalf("%v in %s", err, content)
		}
		if e, ok := token.(xml.StartElement); ok {
			seen[e.Name.Local]++
		}
	}
}

func TestAFigureNamesItselfAndIsWellFormed(t *testing.T) {
	content, err := everything().SVG()
	if err != nil {
		t.Fatal(err)
	}
	seen := parse(t, content)
	if seen["svg"] != 1 || seen["title"] != 1 || seen["desc"] != 1 || seen["path"] < 15 || seen["text"] < 8 {
		t.Errorf("it holds %v", seen)
	}
	for _, want := range []string{`viewBox="0 0 300 200"`, `width="300"`, `aria-labelledby="all-t all-d"`,
		"One &amp; &lt;each&gt;", "a line? of? text", "&lt;name&gt;",
		`style="fill:#FFFFFF"`, "stroke-dasharray:3,2.5", "fill-opacity:0.25"} {
		if !bytes.Contains(content, []byte(want)) {
			t.Errorf("no %q", want)
		}
	}
}

func TestInAPageFiguresFollowTheReadersScheme(t *testing.T) {
	drawn, err := everything().Inline()
	if err != nil {
		t.Fatal(err)
	}
	parse(t, []byte(drawn))
	hex := regexp.MustCompile(`#[0-9A-Fa-f]{6}`)
	if left := hex.FindAllString(string(drawn), 3); left != nil {
		t.Errorf("it keeps %v in every scheme", left)
	}
	for _, want := range []string{"var(--paper)", "var(--ink)", "var(--muted)", "var(--s1)", "var(--h2)"} {
		if !strings.Contains(string(drawn), want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(string(drawn), "width=") && strings.Contains(string(drawn), `height="200"`) {
		t.Error("it has a size of its own")
	}
}

func TestASymbolIsHiddenFromThoseWhoListen(t *testing.T) {
	drawn, err := Symbol(Marker{Ink: Series[0]}).Inline()
	if err != nil {
		t.Fatal(err)
	}
	seen := parse(t, []byte(drawn))
	if !strings.Contains(string(drawn), `aria-hidden="true"`) || seen["title"] != 0 || seen["path"] != 2 {
		t.Errorf("%s", drawn)
	}
}

func TestTheSameFigureGivesTheSameBytes(t *testing.T) {
	draw := func() (out []byte) {
		vector, err1 := everything().SVG()
		pixels, err2 := everything().PNG()
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		return append(vector, pixels...)
	}
	if !bytes.Equal(draw(), draw()) {
		t.Error("two drawings differ")
	}
}

func TestPixelsAreTwiceThePoints(t *testing.T) {
	f := Figure{Width: 50, Height: 30, Draw: func(p *Pen) { p.Rect(Series[0], Box{10, 0, 20, 15}) }}
	content, err := f.PNG()
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	if size := img.Bounds().Size(); size.X != 100 || size.Y != 60 {
		t.Errorf("%v", size)
	}
	for _, c := range []struct {
		x, y int
		want Ink
	}{{30, 10, Series[0]}, {30, 50, Paper}, {10, 10, Paper}} {
		r, g, b, _ := img.At(c.x, c.y).RGBA()
		want := c.want.color(1)
		if uint8(r>>8) != want.R || uint8(g>>8) != want.G || uint8(b>>8) != want.B {
			t.Errorf("at %d, %d is %02X%02X%02X, want %s", c.x, c.y, r>>8, g>>8, b>>8, c.want.Light)
		}
	}
}

func TestSheetsFillHalfAPage(t *testing.T) {
	for plain, want := range map[int]struct{ scale, width int }{0: {8, 0}, 20: {8, 80}, 100: {8, 400}, 300: {3, 450},
		2000: {1, 460}} {
		got := 0
		s, err := NewSheet(plain, func(scale int) ([]byte, error) { got = scale; return []byte("png"), nil })
		if err != nil || got != want.scale || s.Width != want.width || s.PNG != "data:image/png;base64,cG5n" {
			t.Errorf("%d pixels wide: enlarged by %d, %+v, %v", plain, got, s, err)
		}
	}
	broken := errors.New("no picture")
	if _, err := NewSheet(10, func(int) ([]byte, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}
