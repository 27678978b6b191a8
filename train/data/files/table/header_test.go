package table

import (
	"errors"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/filestest"
)

func TestNamesOfRowsNeverRepeat(t *testing.T) {
	p, a, err := noted(t, "a,label\nr1,1.5,x\nr2,2,z\n", Options{})
	if err != nil || !slices.Equal(filestest.Values(p), []float64{1.5, 2}) || !hasNote(a, "row-names", "--keep 1") {
		t.Errorf("%+v, %v", p, err)
	}
	if p, _, err = noted(t, "a,label\n5,1.5,x\n5,2,z\n6,3,x\n", Options{}); !errors.Is(err, files.ErrFormat) {
		t.Errorf("%+v, %v", p, err)
	}
}
