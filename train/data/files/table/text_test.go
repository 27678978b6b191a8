package table

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/filestest"
)

// hintOf is the hint of an error with a cause; empty for any other.
func hintOf(err, cause error) string {
	var e *files.Error
	if !errors.As(err, &e) || !errors.Is(err, cause) {
		return ""
	}
	return e.Hint
}

func TestUTF16OfAnOddNumberOfBytesIsTruncated(t *testing.T) {
	wide := "\xff\xfe"
	for _, c := range "1.5,x\n2.5,z\n" {
		wide += string([]byte{byte(c), 0})
	}
	if p, _, err := noted(t, wide, Options{}); err != nil || p.Len() != 2 {
		t.Fatal(err)
	}
	for _, tail := range []string{"3", "3\x00,"} {
		if _, _, err := noted(t, wide+tail, Options{}); !errors.Is(err, files.ErrTruncated) {
			t.Errorf("%q: %v", tail, err)
		}
	}
}

func TestWordsForNoLabelAreRefusedUnlessAccepted(t *testing.T) {
	for _, word := range []string{"NA", "#N/A", "<NA>", "NaT", "null"} {
		text := "a,label\n1.5,x\n2.5," + word + "\n3.5,z\n"
		_, _, err := noted(t, text, Options{})
		if !strings.Contains(hintOf(err, files.ErrLabel), "label-na") {
			t.Errorf("%s: %v", word, err)
		}
		folder := filestest.Folder(t, map[string][]byte{"t.csv": []byte(text)})
		p, err := File(files.Dir(folder), "t.csv", Options{}, &files.Account{Accept: []string{"label-na"}})
		if err != nil || !slices.Contains(p.Names, word) {
			t.Errorf("%s, accepted: %v", word, err)
		}
	}
	_, _, err := noted(t, "a,label\n1.5,x\n2.5,\n3.5,z\n", Options{})
	if hint := hintOf(err, files.ErrLabel); hint == "" || strings.Contains(hint, "label-na") {
		t.Errorf("an empty label: %v, %q", err, hint)
	}
}

func TestARowOfBlanksIsABlankRow(t *testing.T) {
	p, a, err := noted(t, "a,b,label\n1.5,2,x\n   \n3,4,z\n", Options{})
	if err != nil || p.Len() != 2 || !hasNote(a, "blank-rows", "") {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestAHeaderOfAnotherEncodingIsToBeSavedAsUTF8(t *testing.T) {
	_, _, err := noted(t, "Gr\xf6\xdfe,label\n1.5,x\n2.5,z\n", Options{})
	if hint := hintOf(err, files.ErrFormat); hint != saveUTF8 {
		t.Errorf("a header: %v, %q", err, hint)
	}
	_, _, err = noted(t, "a,word,label\n1.5,gr\xf6n,x\n2.5,rot,z\n", Options{Label: "label", Encode: true})
	if hint := hintOf(err, files.ErrFormat); hint != saveUTF8 {
		t.Errorf("a word: %v, %q", err, hint)
	}
}
