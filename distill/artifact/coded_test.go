package artifact

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/coreset"
	"github.com/distillmesh/distillmesh/distill/distilltest"
	"github.com/distillmesh/distillmesh/distill/match"
	"github.com/distillmesh/distillmesh/distill/registry"
	"github.com/distillmesh/distillmesh/distill/trajectory"
	"github.com/distillmesh/distillmesh/distill/unixfs"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// codedDigits is a request for a set of built-in digits of two classes.
func codedDigits(t testing.TB, ipc int, pixels PixelType) Request {
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

// Whatever a method makes through a code, in either form: what is read is what was made, to the bit, and
// holds the images as the code rounds them.
func TestCodedSetsOfEveryMethodAreReadBack(t *testing.T) {
	forms := map[string]int{}
	for _, m := range everyMethod(t) {
		for _, pixels := range []PixelType{"DCT:20:0.5:0", "DCT:72:0.25:3", DCT} {
			r := blobs(pixels)
			r.Method, r.Settings = m, registry.Changed(m)
			var images *data.Samples
			r.Distilled = func(result *distill.Result) { images = result.Images }
			made := mustMake(t, r)
			what := fmt.Sprintf("%s, labels %q, %s", m.Name(), m.Settings()["labels"], pixels)
			set, err := ReadSet(made.Files, r.Task, Limits{})
			if err != nil {
				t.Errorf("%s: %v", what, err)
				continue
			}
			if !sameSet(t, set, &made.Set) || set.Payload != made.Payload || set.Payload < 1 {
				t.Errorf("%s: made %+v, read %+v", what, made.Manifest, set.Manifest)
			}
			rounded, err := RoundTrip(images, set.Manifest.Images.DType)
			if err != nil || made.Moved == 0 && !slices.Equal(rounded.X, set.Samples.X) {
				t.Errorf("%s: other images than the code makes of the method's: %v", what, err)
			}
			if !reflect.DeepEqual(set.Samples.Soft, images.Soft) {
				t.Errorf("%s: labels %v, the method made %v", what, set.Samples.Soft, images.Soft)
			}
			_, small := made.Files[SmallFile]
			if small != (images.Soft == nil) {
				t.Errorf("%s: files %v", what, made.Files.Names())
			}
			forms[fmt.Sprint("small ", small)]++
		}
	}
	if forms["small true"] < 20 || forms["small false"] < 9 {
		t.Errorf("forms %v", forms)
	}
}

// public is a method of a name and a version that never change.
type public struct{ distill.Method }

func (public) Name() string { return "public" }
func (public) Version() int { return 3 }

// goldenRecipe is what the small form calls affine, for images of 9 x 8 by 40 coefficients.
var goldenRecipe = recipe.Recipe{Optimizer: "adam", LR: 0.001, Schedule: "cosine", WeightDecay: 0.0001, Batch: 50,
	Epochs: 500, MinSteps: 500, MaxSteps: 1500, Augment: "affine", Elastic: 0.6, Smooth: 0.1, Band: 40}

// golden is a coded set whose images and ratios are public numbers.
func golden(t *testing.T, soft bool) Files {
	t.Helper()
	r := blobs("DCT:40:0.5:1")
	r.Method = public{r.Method}
	images := &data.Samples{Shape: r.Task.Shape, Classes: 3}
	for i := range 6 {
		images.Y = append(images.Y, i/3)
		for j := range images.Shape.Size() {
			images.X = append(images.X, float32((i*31+j*j*17)%64-32)/16)
		}
	}
	if soft {
		for i := range 6 * 3 {
			images.Soft = append(images.Soft, float32(i*i%32)/32)
		}
	}
	r.IPC, r.Seed, r.Settings, r.Licence = 3, 7, map[string]string{"tolerance": "0.002"}, "CC0"
	code, err := r.Pixels.Code(images.Shape)
	if err != nil {
		t.Fatal(err)
	}
	r.Code = code
	usual := goldenRecipe
	result := &distill.Result{Images: images, SmallestGroup: 10, Recipe: &usual}
	tensors, stored, err := r.encode(result)
	if err != nil {
		t.Fatal(err)
	}
	made, err := r.write(result, tensors, stored, distill.Disclosure{Ratio: []float64{1.25, 0.75, 2, 2, 2, 2}})
	if err != nil {
		t.Fatal(err)
	}
	return made.Files
}

// goldenCoded are the CIDs of the files of golden, which never change: other programs hold such files.
var goldenCoded = map[string]map[string]string{
	"small": {SmallFile: "bafkreiby2ujfmrudurfjaqtfnglndtp4ukm6weofrspo4szinkegrxsjg4"},
	"large": {DataFile: "bafkreidr3kgruupn4hyh6s3mwxicpkevumjmowfynb43gbaekzc5ln5qrm",
		ManifestFile: "bafkreiccjpfrhtezc2626insnqvturs6lfzauybu3re22szae24ctoqrhy"},
}

// Files of coded sets keep their bytes, and are read from any program.
func TestCodedSetsKeepTheirBytes(t *testing.T) {
	for form, cids := range goldenCoded {
		files, kept := golden(t, form == "large"), Files{}
		if len(files) != len(cids) {
			t.Errorf("%s: files %v", form, files.Names())
		}
		for name, want := range cids {
			text, err := os.ReadFile(filepath.Join("testdata", "coded-"+form+"-"+name+".hex"))
			if err != nil {
				t.Fatal(err)
			}
			if kept[name], err = hex.DecodeString(strings.Join(strings.Fields(string(text)), "")); err != nil {
				t.Fatal(err)
			}
			cid, err := RawCID(files[name])
			if err != nil || cid.String() != want || !bytes.Equal(files[name], kept[name]) {
				t.Errorf("%s: %s is %s, want %s: %v\n%x", form, name, cid, want, err, files[name])
			}
		}
		set, err := ReadSet(kept, blobs(DCT).Task, Limits{})
		if err != nil {
			t.Errorf("%s: %v", form, err)
		} else if m := set.Manifest; fmt.Sprint(m.Counts) != "[3 3 0]" && form == "small" || m.Method.Seed != 7 ||
			m.NearestReal != 0.75 || m.SmallestGroup != 10 || m.Images.DType != "DCT:40:0.5:1" || m.Licence != "CC0" ||
			*m.Recipe != goldenRecipe {
			t.Errorf("%s: %+v", form, m)
		}
	}
}

// Learned labels travel beside a code as they are, the classes of images are those of their labels, and what an
// image discloses is measured by the class that it was made from.
func TestLearnedLabelsBesideACode(t *testing.T) {
	m, err := trajectory.DefaultATT().With(map[string]string{"labels": "learned", "iterations": "2", "experts": "1",
		"expert-batch": "8", "span": "1", "max-start": "1", "width": "4"})
	if err != nil {
		t.Fatal(err)
	}
	r := blobs("DCT:20:0.5:0")
	r.Method = m
	result := of(t, r).result
	result.Images.Soft[2], result.Images.Soft[0], result.Images.Soft[1] = 0.9, 0.05, 0.05 // started from class 0
	r.Method = given{m, result}
	for _, r.Bare = range []bool{true, false} {
		made := mustMake(t, r)
		set, err := ReadSet(made.Files, r.Task, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(set.Samples.Soft, result.Images.Soft) || set.Samples.Y[0] != 2 || set.Manifest.Counts[2] != 1 ||
			set.Manifest.Images.Labels != "soft" || made.Files[SmallFile] != nil {
			t.Errorf("labels %v, counts %v, files %v", set.Samples.Soft, set.Manifest.Counts, made.Files.Names())
		}
		published := *set.Samples
		published.Y = result.Images.Y
		code, err := r.Pixels.Code(r.Task.Shape)
		if err != nil {
			t.Fatal(err)
		}
		d, err := Disclose(t.Context(), &published, r.Samples, data.NewFormation(1), code)
		if err != nil || d.NearestReal() != set.Manifest.NearestReal || d.NearestReal() == 0 {
			t.Errorf("nearest_real %v is written, %v measured: %v", set.Manifest.NearestReal, d.NearestReal(), err)
		}
		wrong, err := Disclose(t.Context(), set.Samples, r.Samples, data.NewFormation(1), code)
		if err == nil && slices.Equal(wrong.Ratio, d.Ratio) {
			t.Error("the class that an image was made from makes no difference")
		}
	}
}

// However coarse a code is, it does not hide that an image is a real one. Learned images stay apart from real ones in
// the steps that are usual; in coarser ones, by which samples are hardly told apart, they may count as real, which is
// said.
func TestRealImagesStayRealThroughEveryCode(t *testing.T) {
	quick, err := match.DefaultDM().With(map[string]string{"iterations": "5", "width": "8"})
	if err != nil {
		t.Fatal(err)
	}
	r := codedDigits(t, 10, "")
	for _, step := range distilltest.Fewer([]string{"2", "8"}, []string{"1", "2", "3", "5", "8", "12"}) {
		for _, k := range distilltest.Fewer([]string{"100"}, []string{"30", "100", "784"}) {
			r.Pixels = PixelType("DCT:" + k + ":" + step + ":0")
			r.Method = coreset.Random{}
			real := mustMake(t, r).Manifest
			if real.NearestReal != 0 || !real.ContainsReal || real.SmallestGroup != 1 {
				t.Errorf("%s: real samples are at %v of real ones, contains real %t", r.Pixels, real.NearestReal,
					real.ContainsReal)
			}
			r.Method = quick
			made := mustMake(t, r)
			if learned, usual := made.Manifest, step <= "3" && len(step) == 1; learned.NearestReal < distill.RealThreshold &&
				(usual || made.Moved == 0) || learned.ContainsReal != (learned.NearestReal < distill.RealThreshold) {
				t.Errorf("%s: learned images are at %v of real ones, contains real %t, %d were moved", r.Pixels,
					learned.NearestReal, learned.ContainsReal, made.Moved)
			}
		}
	}
}
