package table

import (
	"errors"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/filestest"
)

func TestColumnsMatchedByPlaceAreSaid(t *testing.T) {
	named, plain := "a,b,label\n1.5,2,x\n3,4,z\n", "1.5,2,x\n3,4,z\n"
	for name, c := range map[string][2]string{"no header in training": {plain, named},
		"no header in test": {named, plain}} {
		train, _, err := noted(t, c[0], Options{})
		if err != nil {
			t.Fatal(err)
		}
		p, a, err := noted(t, c[1], Options{Like: train})
		if err != nil || !slices.Equal(filestest.Values(p), []float64{1.5, 2, 3, 4}) || !hasNote(a, "column-order",
			"--header") {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}

func TestALabelAtAnotherPlaceIsRefused(t *testing.T) {
	train, _, err := noted(t, "1.5,2,0\n3,4,1\n", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := noted(t, "label,a,b\n0,1,1\n1,2,0\n", Options{Like: train}); !errors.Is(err, files.ErrFormat) {
		t.Error(err)
	}
}

func TestOneHotLabelsOfATestTableAreChecked(t *testing.T) {
	train, _, err := noted(t, "a,p,q\n1,1,0\n2,0,1\n", Options{Label: "p,q"})
	if err != nil {
		t.Fatal(err)
	}
	opt := Options{Label: "p,q", Like: train}
	if p, _, err := noted(t, "a,p,q\n1,1,0\n2,0,1\n", opt); err != nil || !slices.Equal(p.Labels, []int{0, 1}) {
		t.Errorf("%+v, %v", p, err)
	}
	for _, bad := range []string{"1,1,1\n2,0,1\n", "1,1,0\n2,0,0\n", "1,1,0\n2,0,2\n"} {
		if p, _, err := noted(t, "a,p,q\n"+bad, opt); !errors.Is(err, files.ErrLabel) {
			t.Errorf("%q: %+v, %v", bad, p, err)
		}
	}
}
