package open

import (
	"errors"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/files"
)

func TestFlagsThatDoNotConcernTheDataAreSaid(t *testing.T) {
	table := map[string][]byte{"d.csv": []byte("1,2,a\n3,4,b\n5,6,a\n7,8,b\n")}
	pictures := map[string][]byte{"a/1.png": grayPNG(2, 1), "b/1.png": grayPNG(2, 9), "a/2.png": grayPNG(2, 1),
		"b/2.png": grayPNG(2, 9)}
	for name, c := range map[string]struct {
		files map[string][]byte
		r     Reading
		want  bool
	}{
		"a background of a table":      {table, Reading{Background: "white"}, true},
		"white of a table":             {table, Reading{White: 16}, true},
		"a separator of pictures":      {pictures, Reading{Separator: ","}, true},
		"a label column of pictures":   {pictures, Reading{Label: "last"}, true},
		"a separator of a table":       {table, Reading{Separator: ","}, false},
		"a background of pictures":     {pictures, Reading{Background: "white"}, false},
		"a layout of rows of a table":  {table, Reading{Layout: "NCHW"}, false},
		"pictures that are to be 2x2":  {pictures, Reading{Resize: true}, false},
		"an accepted code of no cause": {table, Reading{Accept: []string{"other-task"}}, false},
	} {
		ds, _, err := c.r.Derive(folder(t, c.files), data.Task{Name: "d"})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := slices.Contains(ReportOf(ds).Warnings(), "flag-unused"); got != c.want {
			t.Errorf("%s: said %t, notes %+v", name, got, ReportOf(ds).Notes)
		}
	}
	_, _, err := Reading{Parts: map[string]string{"val": "train"}}.Derive(folder(t, table), data.Task{Name: "d"})
	if !errors.Is(err, files.ErrFormat) {
		t.Errorf("the use of a part of data without parts: %v", err)
	}
}
