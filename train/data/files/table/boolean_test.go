package table

import (
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/filestest"
)

func TestTruthIsOfOnePairOfWords(t *testing.T) {
	for _, words := range [][2]string{{"true", "False"}, {"YES", "no"}, {"T", "F"}, {"y", "N"}} {
		p, a, err := noted(t, "a,b,label\n"+words[0]+",1,x\n"+words[1]+",2,z\n", Options{})
		if err != nil || !slices.Equal(filestest.Values(p), []float64{1, 1, 0, 2}) || !hasNote(a, "boolean", "") ||
			p.Features[0].Kind != files.BooleanKind {
			t.Errorf("%q: %+v, %v", words, p, err)
		}
	}
	for _, words := range [][]string{{"N", "F"}, {"Y", "N", "T", "F"}, {"true", "no"}} {
		text := "a,b,label\n"
		for _, w := range words {
			text += w + ",1,x\n"
		}
		if p, _, err := noted(t, text, Options{Label: "label"}); err == nil {
			t.Errorf("%q are read as %v", words, filestest.Values(p))
		}
		p, _, err := noted(t, text, Options{Label: "label", Encode: true})
		if err != nil || p.Features[0].Kind != files.OneHotKind || len(p.Features[0].Levels) != len(words) {
			t.Errorf("%q: %+v, %v", words, p, err)
		}
	}
}

func TestAFeatureOfTruthTakesNoOtherNumbers(t *testing.T) {
	train, _, err := noted(t, "a,b,label\ntrue,1,x\nfalse,2,z\n", Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, opt := range map[string]Options{"task": {Want: train.Features}, "test table": {Like: train}} {
		for _, good := range []string{"1,1,x\n0,2,z\n", "yes,1,x\nno,2,z\n", "1.0,1,x\n0.0,2,z\n"} {
			p, a, err := noted(t, "a,b,label\n"+good, opt)
			if err != nil || !slices.Equal(filestest.Values(p), []float64{1, 1, 0, 2}) || !hasNote(a, "boolean", "") {
				t.Errorf("%s, %q: %+v, %v", name, good, p, err)
			}
		}
		for _, bad := range []string{"1,1,x\n2,2,z\n", "0.5,1,x\n1,2,z\n", "yes,1,x\nfalse,2,z\n", "on,1,x\noff,2,z\n"} {
			if p, _, err := noted(t, "a,b,label\n"+bad, opt); err == nil {
				t.Errorf("%s, %q: %v", name, bad, filestest.Values(p))
			}
		}
	}
}

func TestDatesAreSaidUnderATask(t *testing.T) {
	text := "a,b,label\n2020-01-02,1,x\n2020-01-03,2,z\n"
	train, _, err := noted(t, text, Options{Dates: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, a, err := noted(t, text, Options{Want: train.Features}); err != nil || !hasNote(a, "date", "") {
		t.Errorf("%+v, %v", a.Notes, err)
	}
}

func TestTruthAmongZerosAndOnesIsSaid(t *testing.T) {
	p, a, err := noted(t, "a,b,label\n1,0,x\n0,true,z\n1,1,x\n", Options{})
	if err != nil || !slices.Equal(filestest.Values(p), []float64{1, 0, 0, 1, 1, 1}) || !hasNote(a, "boolean", "") {
		t.Errorf("%+v, %v", p, err)
	}
}
