package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/distillmesh/distillmesh/distill/figure"
	"github.com/distillmesh/distillmesh/distill/study"
	"github.com/distillmesh/distillmesh/distill/trial"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/federated"
)

// form says what a made-up study holds.
type form struct {
	methods   []string
	consumers []string
	seeds     int
	clients   int
	classes   int
	controls  bool
}

func usual() form {
	return form{methods: []string{"random", "gmm", "dm", "fedavg:epochs=5", "scaffold:rounds=4", "all"},
		consumers: []string{"lenet", "ntk:1"},
		seeds:     3, clients: 10, classes: 10, controls: true}
}

// document makes a study up: no number in it was measured.
func (f form) document() *study.Document {
	d := &study.Document{SchemaVersion: 1, Data: "made-up", Task: "bafyMadeUp", Train: 1000 * f.clients, Test: 2000,
		Seeds: f.seeds, IPC: 1, Pixels: "U8", Engine: "none",
		Split: data.Split{Kind: data.Ring, Clients: f.clients, PerClient: min(2, f.classes)}}
	for c := range f.classes {
		d.Classes = append(d.Classes, fmt.Sprint("class ", c))
	}
	for i := range f.clients {
		held := make([]int, f.classes)
		held[i%f.classes], held[(i+1)%f.classes] = 500+i, 500
		d.Holdings = append(d.Holdings, held)
	}
	for at, method := range f.methods {
		for _, consumer := range f.consumers {
			if kindOf(method) == fed && strings.HasPrefix(consumer, "ntk") {
				continue
			}
			d.Summary = append(d.Summary, f.summary(d, at, method, consumer))
		}
	}
	return d
}

func (f form) summary(d *study.Document, at int, method, consumer string) study.Summary {
	s := study.Summary{Method: method, Consumer: consumer, BytesUp: int64(50_000 + 1000*at), Seconds: 1.5, PeakRSS: 300,
		Images: 2 * f.clients}
	switch kindOf(method) {
	case fed:
		s.BytesUp, s.BytesDown, s.Images = 2_500_000, 2_500_000, 0
	case bound:
		s.BytesUp, s.Images = 7_850_000, d.Train
	case distilled:
		if f.controls {
			s.Control = "random"
			low, high := 0.01, 0.09
			s.MinusRandom = &trial.Interval{Mean: 0.05, N: f.seeds}
			if f.seeds > 1 {
				s.MinusRandom.Low, s.MinusRandom.High = &low, &high
			}
		}
		fallthrough
	default:
		s.Payload = &study.Payload{Data: 20_000, Images8: 15_680, ImagesF32: 62_720}
	}
	mean := 0.5 + 0.4*float64(at)/float64(len(f.methods))
	for seed := range f.seeds {
		r := study.Row{Method: method, Consumer: consumer, Seed: seed, Clients: f.clients,
			Bytes: federated.Traffic{Up: s.BytesUp, Down: s.BytesDown}, Images: s.Images}
		r.Accuracy = mean + 0.01*float64(seed)
		for step := 25; step <= 500 && consumer != "ntk:1"; step += 25 {
			r.Curve = append(r.Curve, trial.Point{Step: step, Accuracy: r.Accuracy * (1 - math.Exp(-float64(step)/100))})
		}
		r.Curve = append(r.Curve, trial.Point{Step: 525, Accuracy: r.Accuracy})
		d.Rows = append(d.Rows, r)
	}
	s.Accuracy = trial.Spread{Mean: mean + 0.005*float64(f.seeds-1), N: f.seeds}
	if f.seeds > 1 {
		s.Accuracy.Std = 0.01
	}
	return s
}

// forms are studies that people run; each must render.
func forms() map[string]form {
	out := map[string]form{"usual": usual()}
	change := func(name string, with func(*form)) {
		f := usual()
		with(&f)
		out[name] = f
	}
	change("one seed", func(f *form) { f.seeds = 1 })
	change("no baseline, no bound", func(f *form) { f.methods = []string{"random", "gmm"} })
	change("no control", func(f *form) { f.methods, f.controls = []string{"gmm", "all"}, false })
	change("one consumer", func(f *form) { f.consumers = []string{"lenet"} })
	change("closed form alone", func(f *form) { f.consumers = []string{"ntk:1"} })
	change("500 clients", func(f *form) { f.clients = 500 })
	change("2,500 clients of 100 classes", func(f *form) { f.clients, f.classes = 2500, 100 })
	change("federated alone", func(f *form) { f.methods = []string{"fedavg"} })
	change("seven consumers", func(f *form) {
		f.consumers = []string{"mlp", "lenet", "alexnet", "convnet3:64", "convnet3:128", "resnet18", "ntk:1"}
	})
	change("twenty methods", func(f *form) {
		f.methods = nil
		for i := range 20 {
			f.methods = append(f.methods, fmt.Sprintf("dm:iterations=%d:width=64:augment=false:lr=0.%d", 100*i, i))
		}
	})
	change("odd names", func(f *form) {
		f.methods = []string{"random", `<script>alert("x")</script>&'`, "dm:π=\x00\xff", "random:as=dm:π=\x00\xff"}
		f.consumers = []string{`l<e>net"&`}
	})
	return out
}

func renderForm(t *testing.T, f form) map[string][]byte {
	t.Helper()
	files, err := render(t.TempDir(), f.document(), Options{Command: `distillmesh simulate --data '<a&b>.csv'`})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestEveryStudyRenders(t *testing.T) {
	for name, f := range forms() {
		t.Run(name, func(t *testing.T) {
			files := renderForm(t, f)
			for _, file := range []string{AccuracySVG, SplitSVG, CurvesSVG} {
				if file == CurvesSVG && name == "closed form alone" {
					if files[file] != nil {
						t.Error("curves of what has none")
					}
					continue
				}
				wellFormed(t, file, files[file])
			}
			if _, err := png.Decode(bytes.NewReader(files[AccuracyPNG])); err != nil {
				t.Errorf("%s: %v", AccuracyPNG, err)
			}
			sound(t, files[PageFile])
		})
	}
}

// wellFormed parses a drawing, which must name itself and ask for nothing.
func wellFormed(t *testing.T, name string, content []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(content))
	seen := map[string]int{}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if e, ok := token.(xml.StartElement); ok {
			seen[e.Name.Local]++
			for _, a := range e.Attr {
				if strings.Contains(a.Name.Local, "href") || strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf") {
					t.Errorf("%s: %s has %s=%q", name, e.Name.Local, a.Name.Local, a.Value)
				}
			}
		}
	}
	if seen["svg"] != 1 || seen["title"] != 1 || seen["desc"] != 1 || seen["text"] == 0 || seen["script"] != 0 {
		t.Errorf("%s holds %v", name, seen)
	}
}

var (
	// fetches are attributes that make a browser ask for something.
	fetches  = []string{"src", "href", "srcset", "action", "data", "poster", "background", "xlink:href"}
	urlInCSS = regexp.MustCompile(`url\(|@import`)
	voids    = []string{"meta", "img", "br", "wbr"}
)

// sound checks that a page is balanced, asks for nothing, runs nothing, names
// its pictures and heads its tables.
func sound(t *testing.T, page []byte) {
	t.Helper()
	z := html.NewTokenizer(bytes.NewReader(page))
	var open []string
	ids := map[string]bool{}
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			break
		}
		token := z.Token()
		switch kind {
		case html.StartTagToken:
			check(t, token, ids)
			if !slices.Contains(voids, token.Data) {
				open = append(open, token.Data)
			}
		case html.EndTagToken:
			if len(open) == 0 || open[len(open)-1] != token.Data {
				t.Fatalf("</%s> closes %v", token.Data, open)
			}
			open = open[:len(open)-1]
		case html.SelfClosingTagToken:
			check(t, token, ids)
		}
	}
	if len(open) > 0 {
		t.Errorf("left open: %v", open)
	}
	for _, reference := range regexp.MustCompile(`aria-labelledby="([^"]*)"`).FindAllSubmatch(page, -1) {
		for _, id := range strings.Fields(string(reference[1])) {
			if !ids[id] {
				t.Errorf("nothing has the id %q", id)
			}
		}
	}
	if urlInCSS.Match(page) || bytes.Contains(page, []byte("NaN")) || bytes.Contains(page, []byte("ZgotmplZ")) {
		t.Error("the page asks for something, or holds what is no number")
	}
}

func check(t *testing.T, token html.Token, ids map[string]bool) {
	t.Helper()
	if slices.Contains([]string{"script", "link", "iframe", "object", "embed", "base"}, token.Data) {
		t.Errorf("the page holds <%s>", token.Data)
	}
	attributes := map[string]string{}
	for _, a := range token.Attr {
		attributes[a.Key] = a.Val
		if slices.Contains(fetches, a.Key) && !strings.HasPrefix(a.Val, "data:image/png;base64,") ||
			strings.HasPrefix(a.Key, "on") {
			t.Errorf("<%s> has %s=%q", token.Data, a.Key, a.Val)
		}
	}
	if id := attributes["id"]; id != "" {
		if ids[id] {
			t.Errorf("two elements have the id %q", id)
		}
		ids[id] = true
	}
	switch {
	case token.Data == "img" && attributes["alt"] == "", token.Data == "th" && attributes["scope"] == "",
		token.Data == "svg" && attributes["role"] != "img" && attributes["aria-hidden"] != "true":
		t.Errorf("%s is not accessible", token)
	}
}

func TestTheSameDocumentGivesTheSameBytes(t *testing.T) {
	a, b := renderForm(t, usual()), renderForm(t, usual())
	if len(a) != 6 {
		t.Errorf("%d files", len(a))
	}
	for name := range a {
		if !bytes.Equal(a[name], b[name]) {
			t.Errorf("%s differs", name)
		}
	}
}

func TestWriteLeavesTheDocumentAsItIs(t *testing.T) {
	dir, doc := filepath.Join(t.TempDir(), "new"), usual().document()
	if err := Write(dir, doc, Options{}); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(dir, DocumentFile))
	if err != nil {
		t.Fatal(err)
	}
	want, err := doc.JSON()
	if err != nil || !bytes.Equal(content, want) {
		t.Errorf("%s is not the document: %v", DocumentFile, err)
	}
	var back study.Document
	if err := json.Unmarshal(content, &back); err != nil || len(back.Rows) != len(doc.Rows) {
		t.Errorf("%d rows, %v", len(back.Rows), err)
	}
}

func TestNamesOfOthersAreText(t *testing.T) {
	page := string(renderForm(t, forms()["odd names"])[PageFile])
	for _, bad := range []string{"<script", `l<e>net`, "\x00", "\xff", "<a&b>"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	for _, want := range []string{"&lt;script&gt;", "l&lt;e&gt;net", "&lt;a&amp;b&gt;.csv"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not hold %q", want)
		}
	}
}

var hexColor = regexp.MustCompile(`#[0-9A-Fa-f]{6}\b`)

func TestFiguresFollowTheReadersScheme(t *testing.T) {
	for _, f := range []*figure.Figure{accuracyFigure(usual().document()), splitFigure(usual().document()),
		curvesFigure(usual().document())} {
		drawn, err := f.Inline()
		if err != nil {
			t.Fatal(err)
		}
		if left := hexColor.FindAllString(string(drawn), 3); left != nil {
			t.Errorf("%s keeps %v in every scheme", f.Name, left)
		}
		if !strings.Contains(string(drawn), "var(--ink)") && !strings.Contains(string(drawn), "var(--muted)") {
			t.Errorf("%s has no ink", f.Name)
		}
	}
}
