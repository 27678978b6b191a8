package picture

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/filestest"
)

func TestPartsOfPicturesAreNeverMixed(t *testing.T) {
	inside := strings.Fields("a/train/1 a/train/2 a/test/3 b/train/1 b/train/2 b/test/3")
	split := strings.Fields("train_A/a/1 train_A/b/1 train_B/a/2 train_B/b/2 test/a/3 test/b/3")
	for name, c := range map[string]struct {
		names       []string
		parts       map[string]string
		train, test int // samples; refused when there are none to train on
		words       string
	}{
		"parts inside classes":           {inside, nil, 4, 2, ""},
		"a stray beside them":            {append(inside[:6:6], "a/9"), nil, 0, 0, "a/9.png"},
		"a stray, and a part named":      {append(inside[:6:6], "a/9"), map[string]string{"train": "train"}, 4, 2, ""},
		"a class with a folder train":    {strings.Fields("a/1 a/2 a/train/3 b/1 b/2"), nil, 5, 0, ""},
		"several parts to train on":      {split, nil, 0, 0, "called like parts and hold folders"},
		"several parts, said so":         {split, map[string]string{"train_A": "train", "train_B": "train"}, 4, 2, ""},
		"one of several parts":           {split, map[string]string{"train_A": "train"}, 2, 2, ""},
		"a test part beside classes":     {strings.Fields("test/a/1 a/1 b/1"), nil, 0, 0, "test"},
		"an ignored part beside classes": {strings.Fields("test/a/1 a/1 b/1"), map[string]string{"test": "ignore"}, 2, 0, ""},
		"a test part to train on": {strings.Fields("test/a/1 test/b/1 car/1"), map[string]string{"test": "train"}, 2, 0,
			""},
		"an ignored training part": {strings.Fields("train/a/1 car/1 cat/1"), map[string]string{"train": "ignore"}, 2, 0,
			""},
		"names that end in blanks": {[]string{"train /a /1", "train /b/1", "test /a/2", "test /b/2"}, nil, 2, 2, ""},
		"blanks, and a part named": {[]string{"train /a/1", "train /b/1", "val /a/2", "val /b/2"},
			map[string]string{"val": "train"}, 4, 0, ""},
		"a class of a longer name": {strings.Fields("test_tubes/x/1 car/1"), nil, 2, 0, ""},
	} {
		content := map[string][]byte{}
		for _, n := range c.names {
			content[n+".png"] = grayPNG(2, 2)
		}
		dir := filestest.Folder(t, content)
		train, test, err := pictures(dir, Options{Parts: c.parts})
		if c.train == 0 {
			var e *files.Error
			if !errors.As(err, &e) || e.Hint == "" || !strings.Contains(err.Error(), c.words) {
				t.Errorf("%s: %v, want a refusal with %q", name, err, c.words)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		count := func(p *files.Part) int {
			if p == nil {
				return 0
			}
			return len(p.Labels)
		}
		if count(train) != c.train || count(test) != c.test {
			t.Errorf("%s: %d and %d samples, want %d and %d", name, count(train), count(test), c.train, c.test)
		}
		if slices.ContainsFunc(train.Names, files.IsPartName) {
			t.Errorf("%s: classes are %q", name, train.Names)
		}
	}
}
