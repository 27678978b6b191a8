package table

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/filestest"
)

// FuzzOptions reads any text with any options, alone and as the test table of
// itself, which must then be read the same.
func FuzzOptions(f *testing.F) {
	f.Add([]byte("a,b,label\n1,2,x\n3,4,y\n"), "", "", "", "", uint8(0))
	f.Add([]byte("a;b;label\n1,5;2;x\n3;4,25;y\n"), "label", ";", ",", "yes", uint8(1))
	f.Add([]byte("color,when,y\nred,2024-01-01,x\nblue,2024-01-02,y\n"), "3", "comma", ".", "", uint8(3))
	f.Add([]byte("# a b y\n1 2 x\n3 4 y\n"), "last", "space", "", "no", uint8(0))
	f.Add([]byte("sep=|\na|b|c\n1|0|1\n2|1|0\n"), "2,3", "", "", "", uint8(0))
	f.Add([]byte("\xff\xfea\x00,\x00y\x00\n\x001\x00,\x00x\x00\n\x00"), "", "", "", "", uint8(4))
	f.Fuzz(func(t *testing.T, text []byte, label, separator, decimal, header string, flags uint8) {
		tree := &files.Tree{FS: fstest.MapFS{"d.csv": {Data: text}}}
		opt := Options{Label: label, Separator: separator, Decimal: decimal, Header: header, Encode: flags&1 != 0,
			Dates: flags&2 != 0}
		a := &files.Account{}
		if flags&4 != 0 {
			a.Accept = []string{"missing-values", "label-na", "one-hot-label"}
		}
		p, err := File(tree, "d.csv", opt, a)
		if err != nil {
			var fe *files.Error
			if !errors.As(err, &fe) || fe.Hint == "" {
				t.Fatalf("an error without a hint: %T: %v", err, err)
			}
			return
		}
		filestest.CheckPart(t, p)
		if p.Features != nil && files.FeatureWidth(p.Features) != p.Size() {
			t.Fatalf("features %v of samples of %d", p.Features, p.Size())
		}
		opt.Like = p
		q, err := File(tree, "d.csv", opt, a)
		if err != nil {
			return // a first line that is names by its place may be a row as well
		}
		filestest.CheckPart(t, q)
		if q.Size() != p.Size() {
			t.Fatalf("%d values, as a test table %d", p.Size(), q.Size())
		}
	})
}

// FuzzDialect checks that the dialect of any text opens it.
func FuzzDialect(f *testing.F) {
	f.Add("a,b\n1,2\n", uint8(0))
	f.Add("sep=;\na;b\n1,5;2\n", uint8(0))
	f.Add("# one\n# a b c\n1 2 3\n", uint8(' '))
	f.Add("Program\n\na|b|c\n1|2|3\n", uint8('|'))
	f.Add("\"a,b\";\"c\n1\";2\n", uint8(0))
	f.Fuzz(func(t *testing.T, head string, asked uint8) {
		for _, whole := range []bool{true, false} {
			d := understand(head, whole, asked)
			if d.separator == 0 && asked == 0 || d.skip > strings.Count(head, "\n")+1 || d.header != nil &&
				len(d.header) != d.fields {
				t.Fatalf("%+v of %q", d, head)
			}
		}
	})
}
