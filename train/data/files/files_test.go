package files_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/filestest"
)

func TestPartsAreKnownByTheirNames(t *testing.T) {
	for name, want := range map[string]files.Use{"train": files.Train, "Training": files.Train, "train2017": files.Train,
		"TRAIN_images": files.Train, "test": files.Test, "t10k": files.Test, "test set": files.Test, "trainer": "",
		"best": "", "": ""} {
		if got := files.PartOf(name); got != want {
			t.Errorf("%q is for %q, want %q", name, got, want)
		}
	}
	for name, want := range map[string]string{"mnist_train": "train", "train-00000-of-00001": "train", "my.test.data": "",
		"digits": "", "Test": "Test"} {
		if got := files.PartWord(name); got != want {
			t.Errorf("%q holds the part %q, want %q", name, got, want)
		}
	}
}

func TestUsesOfParts(t *testing.T) {
	for name, c := range map[string]struct {
		names []string
		asked map[string]string
		want  string // of the parts in order
		codes string
	}{
		"the usual":                     {[]string{"train", "test"}, nil, "train test", ""},
		"validation in place of a test": {[]string{"train", "val"}, nil, "train test", "part-validation"},
		"validation beside a test":      {[]string{"train", "test", "val"}, nil, "train test ignore", "part-validation"},
		"a name that says nothing":      {[]string{"train", "extra"}, nil, "train ignore", "part-unknown"},
		"asked for":                     {[]string{"train", "extra"}, map[string]string{"EXTRA": "test"}, "train test", ""},
		"the training part asked to test": {[]string{"train", "b"}, map[string]string{"train": "test", "b": "train"},
			"test train", ""},
	} {
		var a files.Account
		got, err := files.Uses(c.names, c.asked, &a)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var uses, codes []string
		for _, n := range c.names {
			uses = append(uses, string(got[n]))
		}
		for _, n := range a.Notes {
			codes = append(codes, n.Code)
		}
		if strings.Join(uses, " ") != c.want || strings.Join(codes, " ") != c.codes {
			t.Errorf("%s: %v with notes %v", name, uses, codes)
		}
	}
	for name, asked := range map[string]map[string]string{"a part that is not there": {"tset": "test"},
		"a use that is none": {"a": "maybe"}, "nothing to train on": {"a": "test"}} {
		var e *files.Error
		if _, err := files.Uses([]string{"a"}, asked, nil); !errors.As(err, &e) || e.Hint == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnAccountCountsAndKeepsFewNames(t *testing.T) {
	var a files.Account
	for i := range 5 {
		a.Count("PNG")
		a.Skip("broken", fmt.Sprint(i))
	}
	a.Skip("broken", "0") // counted already
	a.Uncount("PNG")
	a.See("fact", "of %d", 3)
	a.See("fact", "of %d", 3) // once
	a.Assume("guess", "--flag", "it is so")
	if !maps.Equal(a.Read, map[string]int{"PNG": 4}) || a.Skipped[0].Count != 5 || len(a.Skipped[0].First) != 3 ||
		len(a.Notes) != 2 {
		t.Errorf("%+v", a)
	}
	var none *files.Account // takes no notes
	none.Count("PNG")
	none.Skip("broken", "x")
	none.Warn("code", "", "text")
	none.Leave("part")
}

func TestRefusalsMayBeAccepted(t *testing.T) {
	cause := files.Error{Path: "d.csv", Line: 3, Err: files.ErrValue, Hint: "mend it"}
	var e *files.Error
	if err := new(files.Account).Refuse("missing", cause); !errors.As(err, &e) || e.Code != "missing" ||
		!strings.Contains(e.Hint, "--accept missing") {
		t.Errorf("%v", err)
	}
	willing := files.Account{Accept: []string{"missing"}}
	if err := willing.Refuse("missing", cause); err != nil || len(willing.Notes) != 1 ||
		willing.Notes[0].Level != files.Warning {
		t.Errorf("accepted: %v, %+v", err, willing.Notes)
	}
	if err := willing.RefuseFile("missing", "damaged", "a.png", &cause); err != nil || willing.Skipped[0].Count != 1 {
		t.Errorf("a file accepted: %v, %+v", err, willing.Skipped)
	}
	if err := new(files.Account).RefuseFile("missing", "damaged", "a.png", &cause); !errors.As(err, &e) ||
		e.Code != "missing" {
		t.Errorf("a file refused: %v", err)
	}
}

func TestErrorsSayWhere(t *testing.T) {
	for want, e := range map[string]files.Error{
		"read p: byte 9: is no label":              {Offset: 9},
		"read p: line 2: is no label":              {Line: 2},
		"read p: line 2, column 5: is no label":    {Line: 2, Column: 5},
		"read p: is no label":                      {Place: files.Whole},
		"read p: sample 7 of x_train: is no label": {Place: "sample 7 of x_train"},
	} {
		e.Path, e.Err = "p", files.ErrLabel
		if e.Error() != want || !errors.Is(&e, files.ErrLabel) {
			t.Errorf("%q, want %q", e.Error(), want)
		}
	}
	var e *files.Error
	if err := files.Named("a.idx", files.At(4, files.ErrTruncated)); !errors.As(err, &e) || e.Path != "a.idx" ||
		e.Offset != 4 || e.Hint == "" {
		t.Errorf("%v", err)
	}
	if again := files.Named("b.idx", e); !errors.As(again, &e) || e.Path != "a.idx" {
		t.Errorf("the place of an inner file is lost: %v", again)
	}
	if files.Named("a", nil) != nil {
		t.Error("no error became one")
	}
	if q := files.Quoted(strings.Repeat("é", 99)); len(q) > 60 || !strings.HasSuffix(q, `..."`) {
		t.Errorf("%s", q)
	}
}

func TestStreamsAreUnpackedAndBounded(t *testing.T) {
	plain := []byte("some content")
	for name, b := range map[string][]byte{"plain": plain, "gzip": filestest.Gzip(plain),
		"two gzip streams": append(filestest.Gzip(plain[:4]), filestest.Gzip(plain[4:])...)} {
		r, err := files.Ungzip(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for name, c := range map[string]struct {
		b    []byte
		want error
	}{"cut": {filestest.Gzip(plain)[:15], files.ErrTruncated}, "followed by other bytes": {append(filestest.Gzip(plain),
		'x'), files.ErrTrailing}} {
		r, err := files.Ungzip(bytes.NewReader(c.b))
		if err == nil {
			_, err = io.ReadAll(r)
		}
		if err = files.OrTruncated(err); !errors.Is(err, c.want) {
			t.Errorf("gzip %s: %v", name, err)
		}
	}
	if _, err := files.ReadAll(bytes.NewReader(plain), 5); !errors.Is(err, files.ErrTooLarge) {
		t.Errorf("more than allowed: %v", err)
	}
	if got, err := files.ReadAll(bytes.NewReader(plain), int64(len(plain))); err != nil || len(got) != len(plain) {
		t.Errorf("as much as allowed: %q, %v", got, err)
	}
}

func TestFoldersAndArchivesAreTreesAlike(t *testing.T) {
	content := map[string][]byte{"a/1.csv": []byte("1,2\n"), "a/.hidden": []byte("x"), "b/2.csv": []byte("3,4\n"),
		"Thumbs.db": []byte("x")}
	dir := filestest.Folder(t, content)
	archives := t.TempDir()
	trees := map[string]*files.Tree{"folder": files.Dir(dir)}
	for name, b := range map[string][]byte{"all.zip": filestest.Zip(content), "all.tar": filestest.Tar(content),
		"all.tgz": filestest.Gzip(filestest.Tar(content))} {
		path := filepath.Join(archives, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		kind := files.Tar
		if name == "all.zip" {
			kind = files.Zip
		}
		tree, err := files.OpenArchive(path, kind)
		if err != nil {
			t.Fatal(err)
		}
		trees[name] = tree
	}
	for name, tree := range trees {
		var a files.Account
		folders, others, err := tree.List(".", &a)
		if err != nil || !slices.Equal(folders, []string{"a", "b"}) || len(others) != 0 || a.Skipped[0].Count != 1 {
			t.Errorf("%s: %v, %v, %v, %+v", name, folders, others, err, a.Skipped)
		}
		if b, err := tree.Bytes("a/1.csv", 10); err != nil || string(b) != "1,2\n" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
		if _, err := tree.Bytes("a/1.csv", 2); !errors.Is(err, files.ErrTooLarge) {
			t.Errorf("%s: a file beyond its limit: %v", name, err)
		}
		r, size, done, err := tree.Random("b/2.csv")
		if err != nil || size != 4 {
			t.Fatalf("%s: %d, %v", name, size, err)
		}
		one := make([]byte, 1)
		if _, err := r.ReadAt(one, 2); err != nil || one[0] != '4' {
			t.Errorf("%s: byte 2 is %q, %v", name, one, err)
		}
		if err := errors.Join(done(), closed(tree)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// closed closes an archive.
func closed(tree *files.Tree) error {
	if tree.IsArchive() {
		return tree.Close()
	}
	return nil
}

func TestALinkToItsOwnFolderIsCountedAndNotFollowed(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs links that everybody may make")
	}
	dir := filestest.Folder(t, map[string][]byte{"a/1.csv": []byte("x")})
	if err := os.Symlink(dir, filepath.Join(dir, "a", "again")); err != nil {
		t.Fatal(err)
	}
	var a files.Account
	folders, others, err := files.Dir(dir).List("a", &a)
	if err != nil || len(folders) != 0 || len(others) != 1 || len(a.Skipped) != 1 {
		t.Errorf("%v, %v, %v, %+v", folders, others, err, a.Skipped)
	}
}

func TestPartsOfOneKindAreJoined(t *testing.T) {
	part := func(name string, bytes []byte, labels []int, names ...string) *files.Part {
		return &files.Part{Name: name, Dims: []int{2}, Bytes: bytes, Labels: labels, Names: names,
			Where: func(i int) files.Error { return files.Error{Path: name, Line: i + 1} }}
	}
	a, b := part("one", []byte{1, 2, 3, 4}, []int{0, 1}, "x", "y"), part("two", []byte{5, 6}, []int{0}, "z")
	if err := a.Append(b); err != nil {
		t.Fatal(err)
	}
	if a.Len() != 3 || a.NumValues() != 6 || a.At(5) != 6 || a.Names[a.Labels[2]] != "z" || a.Where(2).Path != "two" ||
		a.Where(2).Line != 1 {
		t.Errorf("%+v", a)
	}
	c := part("other", []byte{1, 2, 3}, []int{0}, "x")
	c.Dims = []int{3}
	if err := a.Append(c); !errors.Is(err, files.ErrFormat) {
		t.Errorf("samples of another size: %v", err)
	}
	doubles := part("doubles", nil, []int{0}, "x")
	doubles.Doubles = []float64{0.5, 0.25}
	if err := a.Append(doubles); err != nil || a.Bytes != nil || a.At(0) != 1 || a.At(6) != 0.5 {
		t.Errorf("widened: %+v, %v", a, err)
	}
}

func TestKindsAreKnownByTheirFirstBytes(t *testing.T) {
	for want, head := range map[files.Kind][]byte{
		files.PNG: filestest.PNG(filestest.Gray(1, 1, 7)), files.JPEG: filestest.JPEG(filestest.Gray(1, 1, 7)),
		files.Zip: filestest.Zip(map[string][]byte{"a": nil}), files.Unknown: {0, 1, 2, 255, 254},
	} {
		if got := files.KindOf(head); got != want {
			t.Errorf("%q is taken for %s", want, got)
		}
	}
	for name, want := range map[string][2]string{"a/b.CSV": {"b", ".csv"}, "c.tar.gz": {"c", ".tar"}, "d": {"d", ""}} {
		if stem, ext := files.Stem(name); stem != want[0] || ext != want[1] {
			t.Errorf("%s: %q and %q", name, stem, ext)
		}
	}
}
