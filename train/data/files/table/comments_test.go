package table

import (
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/filestest"
)

func TestCommentsAreAtTheTop(t *testing.T) {
	for _, s := range []string{",", ";", "\t", "|"} {
		text := strings.ReplaceAll("# made by \"x\nsym,b,label\na,1.5,x\n#,2.5,z\n# not, \"a row\n\"#a\",3.5,x\n", ",", s)
		p, a, err := noted(t, text, Options{Drop: []string{"sym"}, Label: "label"})
		if err != nil || !slices.Equal(filestest.Values(p), []float64{1.5, 2.5, 3.5}) {
			t.Errorf("%q: %+v, %v", s, p, err)
			continue
		}
		if !slices.ContainsFunc(a.Notes, func(n files.Note) bool {
			return n.Code == "comments" && strings.Contains(n.Text, "1 lines inside") && strings.Contains(n.Text, "line 5")
		}) {
			t.Errorf("%q: %+v", s, a.Notes)
		}
		if p.Where(2).Line != 6 {
			t.Errorf("%q: the last row is on line %d", s, p.Where(2).Line)
		}
	}
}

func TestAMarkAloneIsAField(t *testing.T) {
	for _, s := range []string{",", ";", "\t", "|"} {
		p, _, err := noted(t, strings.ReplaceAll("#,a,b,label\n7,1,2,x\n9,3,4,z\n", ",", s), Options{})
		if err != nil || len(p.Features) != 3 || p.Features[0].Name != "#" ||
			!slices.Equal(filestest.Values(p), []float64{7, 1, 2, 9, 3, 4}) {
			t.Errorf("a name, %q: %+v, %v", s, p, err)
		}
		p, _, err = noted(t, strings.ReplaceAll("#,1,2\n#,3,4\na,5,6\na,7,9\n", ",", s), Options{})
		if err != nil || !slices.Equal(p.Names, []string{"#", "a"}) || p.Len() != 4 {
			t.Errorf("a label, %q: %+v, %v", s, p, err)
		}
	}
}

func TestAMarkInsideAQuotedFieldIsNoComment(t *testing.T) {
	p, _, err := noted(t, "# top\na,\"b\n# c\",label\n1.5,2,x\n3,4,z\n", Options{})
	if err != nil || p.Features[1].Name != "b\n# c" {
		t.Errorf("%+v, %v", p, err)
	}
}
