package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/distill/rank"
	"github.com/distillmesh/distillmesh/distill/trial"
)

func spread(mean float64) *trial.Spread { return &trial.Spread{Mean: mean, Std: 0.01, N: 5} }

// document has two sets on two models, one of which has no control of the same bytes.
func document() *rank.Document {
	row := func(set, model string, own float64) rank.Row {
		return rank.Row{Set: set, Method: "dm", Model: model, Images: 10, Bytes: 999, AccReal: spread(0.95),
			AccSynHard: spread(own), AccSynOwn: spread(own), AccRandomOwn: spread(0.5), AccRandomBytes: spread(0.6),
			HLR: spread(0.95 - own), IOR: spread(own - 0.5), LRS: spread(own / 3), Seeds: []uint64{0, 1},
			Rates: map[string]float64{"syn_own": 0.05}, RandomImages: 12}
	}
	plain := row("<b>second</b>", "ntk:1", 0.55)
	plain.AccRandomBytes, plain.LRS = nil, nil
	return &rank.Document{Data: "digits", Rows: []rank.Row{row("first", "lenet", 0.8), row("<b>second</b>", "lenet", 0.4),
		row("first", "ntk:1", 0.7), plain}, Tau: []rank.Agreement{{Models: [2]string{"lenet", "ntk:1"}, Sets: 2, Tau: 1}},
		Notes: []string{"without ARS"}, References: 3, Epochs: 20}
}

func TestThePageSaysWhatTheDocumentHoldsAndNothingRuns(t *testing.T) {
	page, err := Page(document(), "distillmesh rank first")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"How good are these sets for digits?", "80.0 ± 1.0", "60.0 ± 1.0 (12)",
		"Left out: without ARS", "distillmesh rank first", "<svg", "&lt;b&gt;second&lt;/b&gt;", "Kendall&#39;s tau 1.00"} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("the page does not say %q", want)
		}
	}
	for _, never := range []string{"<b>second", "<script", "http://", "https://"} {
		if bytes.Contains(bytes.ReplaceAll(page, []byte("http://www.w3.org/2000/svg"), nil), []byte(never)) {
			t.Errorf("the page holds %q", never)
		}
	}
	again, err := Page(document(), "distillmesh rank first")
	if err != nil || !bytes.Equal(page, again) {
		t.Errorf("the same document gives another page, %v", err)
	}
}

func TestThePageSaysWhatItTookWhereTheDocumentDoes(t *testing.T) {
	doc := document()
	plain, err := Page(doc, "")
	if err != nil || bytes.Contains(plain, []byte("seconds")) {
		t.Errorf("seconds that nobody measured, %v", err)
	}
	doc.Costs = &rank.Costs{WallSeconds: 61, PeakRSS: 512, Rows: make([]rank.RowCost, len(doc.Rows))}
	doc.Costs.Rows[1] = rank.RowCost{TrainSeconds: 1234, PeakRSS: 567}
	page, err := Page(doc, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1m1s, and at most 512 MiB", "<td>1234</td><td>567</td>", `colspan="20"`} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

func TestTheAnswerNamesTheBestSetAndWhoIsAhead(t *testing.T) {
	got := strings.Join(Answer(document()), "\n")
	for _, want := range []string{"On lenet first has the best LRS, 26.7 ± 1.0",
		"1 of 2 sets are ahead of random real images of the same bytes", "On ntk:1 first has the best LRS"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q does not say %q", got, want)
		}
	}
	doc := document()
	doc.Rows[0].AccRandomBytes = spread(0.79)
	if got := strings.Join(Answer(doc), "\n"); !strings.Contains(got, "0 of 2 sets are ahead") {
		t.Errorf("within both deviations: %q", got)
	}
	if got := Answer(&rank.Document{}); len(got) != 0 {
		t.Errorf("of nothing: %q", got)
	}
}

func TestTheFigureHasAPanelForEachModelAndWords(t *testing.T) {
	doc := document()
	f := gains(doc)
	for _, want := range []string{"first on lenet: 80.0 %, random real images 60.0 %",
		"second</b> on ntk:1: 55.0 %, random real images 50.0 %"} {
		if !strings.Contains(f.Alt, want) {
			t.Errorf("%q does not say %q", f.Alt, want)
		}
	}
	svg, err := f.SVG()
	if err != nil || !bytes.Contains(svg, []byte("lenet")) || !bytes.Contains(svg, []byte("ntk:1")) {
		t.Errorf("%s, %v", svg, err)
	}
	of, order := markers(doc)
	if len(order) != 2 || of[order[0]].Shape == of[order[1]].Shape {
		t.Errorf("markers %v of %v", of, order)
	}
	doc.Rows[0].AccSynOwn, doc.Rows[1].AccRandomOwn, doc.Rows[1].AccRandomBytes = nil, nil, nil
	if _, err := gains(doc).SVG(); err != nil {
		t.Errorf("rows without values: %v", err)
	}
	if _, err := Page(&rank.Document{}, ""); err != nil {
		t.Errorf("a page of nothing: %v", err)
	}
}
