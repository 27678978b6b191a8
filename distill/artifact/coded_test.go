package artifact

import (
	"errors"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/coreset"
	"github.com/distillmesh/distillmesh/distill/unixfs"
	"github.com/distillmesh/distillmesh/train/data"
)

// codedDigits is a request for a set of built-in digits of two classes.
func codedDigits(t *testing.T, ipc int, pixels PixelType) Request {
	t.Helper()
	ds := data.GlyphDigits()
	var index []int
	for i, y := range ds.Train.Labels() {
		if y == 3 || y == 7 {
			index = append(index, i)
		}
	}
	local, err := data.Load(ds.Task, ds.Train, index)
	if err != nil {
		t.Fatal(err)
	}
	return Request{Request: distill.Request{Samples: local, IPC: ipc, Seed: 1}, Task: ds.Task, Method: coreset.Random{},
		Pixels: pixels, Bare: true}
}

func TestASmallSetWeighsItsPayloadAndLittleMore(t *testing.T) {
	r := codedDigits(t, 10, "DCT:100:3:0")
	made, err := Make(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	content := made.Files[SmallFile]
	line, _, _ := strings.Cut(string(content), "\n")
	sizes := map[string]int64{SmallFile: int64(len(content))}
	if over := unixfs.Bytes(sizes) - made.Payload; len(made.Files) != 1 || over > 350 {
		t.Errorf("%d files, %d bytes more than the payload of %d: %s", len(made.Files), over, made.Payload, line)
	}
	t.Logf("payload %d, whole %d: %s", made.Payload, unixfs.Bytes(sizes), line)
	read, err := ReadSet(made.Files, r.Task, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if !read.Manifest.ContainsReal || read.Manifest.NearestReal != 0 {
		t.Errorf("random real images are at %v of real ones", read.Manifest.NearestReal)
	}
	if read.Manifest.Recipe.Band != 100 || read.Manifest.Counts[3] != 10 || len(read.Manifest.Counts) != 10 {
		t.Errorf("%+v", read.Manifest)
	}
	r.Bare = false
	large, err := Make(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ReadSet(large.Files, r.Task, Limits{}); err != nil {
		t.Error(err)
	}
	r.Bare, r.Payload = true, int(made.Payload)*3/4
	fitted, err := Make(t.Context(), r)
	if err != nil || fitted.Payload > int64(r.Payload) || fitted.Payload < int64(r.Payload)*9/10 {
		t.Errorf("within %d bytes: %v, %v", r.Payload, fitted.Payload, err)
	}
	outline, err := r.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	size, err := r.Size(outline)
	if got := fitted.Files.Bytes(); err != nil || size < got || size > got+60 {
		t.Errorf("size %d beforehand (%v), then %d", size, err, got)
	}
	if _, err := ReadSet(made.Files, r.Task, Limits{DecodedBytes: 1000}); !errors.Is(err, ErrInvalid) {
		t.Errorf("beyond the limit of decoded bytes: %v", err)
	}
}
