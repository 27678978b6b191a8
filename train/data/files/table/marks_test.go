package table

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/filestest"
)

// noted reads a table from text, with its account.
func noted(t testing.TB, text string, opt Options) (*files.Part, *files.Account, error) {
	t.Helper()
	a := &files.Account{}
	folder := filestest.Folder(t, map[string][]byte{"t.csv": []byte(text)})
	p, err := File(files.Dir(folder), "t.csv", opt, a)
	return p, a, err
}

// hasNote reports whether an account has a note of a code, with a flag in it.
func hasNote(a *files.Account, code, flag string) bool {
	return slices.ContainsFunc(a.Notes, func(n files.Note) bool { return n.Code == code && n.Flag == flag })
}

func TestTheDecimalMarkThatWasAskedForDecides(t *testing.T) {
	_, _, err := noted(t, "a;y\n1.234.567;x\n2.5;z\n", Options{Decimal: "."})
	if err == nil || !strings.Contains(err.Error(), "1.234.567") {
		t.Errorf("a number with two points: %v", err)
	}
	p, _, err := noted(t, "a;y\n1.234;x\n2.345;z\n", Options{Decimal: ","})
	if err != nil || !slices.Equal(filestest.Values(p), []float64{1234, 2345}) {
		t.Errorf("%+v, %v", p, err)
	}
	_, _, err = noted(t, "a;b;y\n1,5;2.5;x\n2,5;3.5;z\n", Options{})
	var e *files.Error
	if !errors.As(err, &e) || !strings.Contains(e.Hint, "--decimal") {
		t.Errorf("mixed marks: %v", err)
	}
}

func TestColumnsOfNoFeaturesDoNotDecideTheDecimalMark(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		opt  Options
	}{
		"dropped":         {"v;a;y\n1.5;1,5;x\n2.5;2,5;z\n", Options{Drop: []string{"v"}}},
		"the label":       {"a;y\n1,5;1.5\n2,5;2.5\n", Options{Label: "y"}},
		"a guessed label": {"a;b;y\n1,5;1;1.0\n2,5;1;2.0\n", Options{Drop: []string{"b"}}},
	} {
		if p, _, err := noted(t, c.text, c.opt); err != nil || !slices.Equal(filestest.Values(p), []float64{1.5, 2.5}) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}

func TestATestTableHasTheDecimalMarkOfTheTrainingTable(t *testing.T) {
	train, a, err := noted(t, "a;y\n1.234,5;x\n2,5;z\n", Options{})
	if err != nil || !hasNote(a, "decimal", "--decimal") {
		t.Fatal(err, a.Notes)
	}
	p, _, err := noted(t, "a;y\n1.234;x\n2.345;z\n", Options{Like: train})
	if err != nil || !slices.Equal(filestest.Values(p), []float64{1234, 2345}) {
		t.Errorf("%+v, %v", p, err)
	}
	if train, _, err = noted(t, "a;y\n1.5;x\n2.5;z\n", Options{}); err != nil {
		t.Fatal(err)
	}
	if p, _, err = noted(t, "a;y\n1,5;x\n2,5;z\n", Options{Like: train}); err == nil {
		t.Errorf("commas after points: %v", filestest.Values(p))
	}
}

func TestADoubtfulDecimalPointIsSaid(t *testing.T) {
	p, a, err := noted(t, "a;y\n1.234;x\n2.345;z\n", Options{})
	if err != nil || !slices.Equal(filestest.Values(p), []float64{1.234, 2.345}) || !hasNote(a, "decimal", "--decimal") {
		t.Errorf("%+v, %v", a.Notes, err)
	}
	for _, text := range []string{"a;y\n1.234;x\n2.5;z\n", "a,y\n1.234,x\n2.345,z\n"} {
		if _, a, err := noted(t, text, Options{}); err != nil || hasNote(a, "decimal", "--decimal") {
			t.Errorf("%+v, %v", a.Notes, err)
		}
	}
}

func TestBlanksBetweenThousandsLeaveTheCommaDecimal(t *testing.T) {
	for _, blank := range []string{" ", "\u00a0", "\u202f"} {
		p, _, err := noted(t, "a;y\n1"+blank+"234,5;x\n2"+blank+"345,25;z\n", Options{})
		if err != nil || !slices.Equal(filestest.Values(p), []float64{1234.5, 2345.25}) {
			t.Errorf("%q: %+v, %v", blank, p, err)
		}
	}
}
