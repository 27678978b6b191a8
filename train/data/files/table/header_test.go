package table

import (
	"errors"
	"fmt"
	"slices"
	"strings"
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

func TestHintsNameAColumnThatTheFlagFinds(t *testing.T) {
	ids := ""
	for i := range 12 {
		ids += fmt.Sprintf("%d,%g,%d,%c\n", i+1, 0.5*float64(i%5), i%3, "xz"[i%2])
	}
	for header, flag := range map[string]string{
		"n,a,b,label": "--keep 1", "n,1,b,label": "--keep n", "n of,1,b,label": `--keep "column 1"`,
	} {
		_, a, err := noted(t, header+"\n"+ids, Options{})
		if err != nil || !hasNote(a, "id-column", flag) {
			t.Errorf("%s: %+v, %v", header, a.Notes, err)
			continue
		}
		keep := strings.Trim(strings.TrimPrefix(flag, "--keep "), `"`)
		if p, _, err := noted(t, header+"\n"+ids, Options{Keep: []string{keep}}); err != nil || len(p.Features) != 3 {
			t.Errorf("%s: %+v, %v", header, p, err)
		}
	}
}
