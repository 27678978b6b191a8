package exchange

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/filestest"
	"github.com/distillmesh/distillmesh/train/data/files/torch"
)

func TestAnExportedTensorComesBackBitForBit(t *testing.T) {
	uneven := noise(colors, 2).Subset([]int{4, 5, 5, 2, 9})
	for name, c := range map[string]struct {
		task   *data.Task
		s      *data.Samples
		pixels artifact.PixelType
		f      data.Formation
		files  []string
	}{
		"a set of the task's own constants":  {digits, noise(digits, 2), artifact.F32, data.Formation{}, nil},
		"bytes in a range for each image":    {digits, noise(digits, 1), artifact.U8, data.Formation{}, nil},
		"a set with the package's constants": {colors, noise(colors, 2), artifact.F32, data.Formation{}, nil},
		"coefficients of a code":             {colors, noise(colors, 1), artifact.DCT, data.Formation{}, nil},
		"tiles, which become images":         {digits, noise(digits, 1), artifact.U4, data.NewFormation(2), nil},
		"probabilities": {colors, soften(noise(colors, 1), true), artifact.F16, data.Formation{},
			[]string{labelsFile}},
		"targets learned for kernel regression": {digits, soften(noise(digits, 1), false), artifact.F32, data.Formation{},
			[]string{labelsFile}},
		"classes of different numbers of images": {colors, uneven, artifact.F32, data.Formation{}, []string{labelsFile}},
	} {
		t.Run(name, func(t *testing.T) {
			set := setOf(t, c.task, c.s, c.pixels, c.f)
			out := write(t, set, c.task, ExportOptions{})
			want := slices.Concat([]string{imagesFile}, c.files, []string{configFile})
			if !out.Exact || !slices.Equal(out.Files, want) {
				t.Errorf("files %v, exact %t, want %v", out.Files, out.Exact, want)
			}
			for _, path := range []string{out.Dir, filepath.Join(out.Dir, imagesFile)} {
				back := read(t, path, c.task, Options{})
				checkSame(t, back.Samples, classAfterClass(set.TrainingSamples()))
				if got := codes(back.Notes, files.Warning); got != nil {
					t.Errorf("warnings %v", got)
				}
				if got := codes(back.Notes, files.Assumed); got != nil {
					t.Errorf("assumed %v", got)
				}
			}
		})
	}
}

func TestARecordIsUsedOnlyForWhatItBelongsTo(t *testing.T) {
	set := setOf(t, colors, soften(noise(colors, 1), true), artifact.F32, data.Formation{})
	out := write(t, set, colors, ExportOptions{})
	for _, name := range []string{imagesFile, labelsFile} {
		path := filepath.Join(out.Dir, name)
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := torch.Read(bytes.NewReader(content), int64(len(content)), torch.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		changed := f.Value.(*torch.Tensor)
		changed.Data[len(changed.Data)-2] ^= 0x40 // about a quarter of the last value
		var again bytes.Buffer
		if err := torch.Write(&again, "x", *changed, f.Extra); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, again.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
		back := read(t, out.Dir, colors, Options{Values: map[string]Values{labelsFile: Standard}[name]})
		if got := codes(back.Notes, files.Warning); !slices.Contains(got, "record") {
			t.Errorf("%s changed beside its record: warnings %v", name, got)
		}
		if err := os.WriteFile(path, content, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	other := *colors
	other.Name = "other"
	back := read(t, out.Dir, &other, Options{})
	if got := codes(back.Notes, files.Warning); !slices.Equal(got, []string{"record"}) {
		t.Errorf("for another task: warnings %v", got)
	}
	told := read(t, out.Dir, colors, Options{Values: Standard, Mean: colors.Mean, Std: colors.Std, Soft: Logits})
	if slices.Equal(told.Samples.X, set.Samples.X) || codes(told.Notes, files.Warning) != nil {
		t.Error("options do not take precedence over the record")
	}
}

func TestTheSameImagesAreTheSameInEveryFormat(t *testing.T) {
	want := photos(digits, 2)
	pixels := make([]byte, len(want.X))
	units := make([]float32, len(want.X))
	for i := range want.Len() {
		p, _ := pixelsOf(digits, want.Row(i))
		copy(pixels[i*784:], p)
	}
	for i, p := range pixels {
		units[i] = float32(p) / 255
	}
	y := make([]uint8, want.Len())
	for i, class := range want.Y {
		y[i] = uint8(class)
	}
	safe := func(all ...checkpoint.Tensor) []byte {
		content, err := checkpoint.Encode(all, nil)
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	n, shape := want.Len(), []int{want.Len(), 1, 28, 28}
	pictures := map[string][]byte{}
	for i := range n {
		name := filepath.Join(digits.Classes[want.Y[i]], string(rune('a'+i%2))+".png")
		pictures[name] = filestest.PNG(filestest.Gray(28, 28, pixels[i*784:(i+1)*784]...))
	}
	paths := map[string]string{
		".npz of bytes": fileOf(t, "a.npz", filestest.NPZ(map[string][]byte{
			"images": filestest.NumPy("|u1", false, "(20, 28, 28)", pixels),
			"labels": filestest.NumPy("|u1", false, "(20,)", y)})),
		".npz of floats, channels last": fileOf(t, "b.npz", filestest.NPZ(map[string][]byte{
			"x_train": filestest.NumPy("<f4", false, "(20, 28, 28, 1)", units),
			"y_train": filestest.NumPy("|u1", false, "(20,)", y)})),
		"safetensors of bytes": fileOf(t, "c.safetensors", safe(checkpoint.U8("x", shape, pixels),
			checkpoint.U8("y", []int{n}, y))),
		"safetensors in task space": fileOf(t, "d.safetensors", safe(checkpoint.F32("data", shape, want.X),
			checkpoint.U8("targets", []int{n}, y))),
		"a tensor in task space":      fileOf(t, "e.pt", tensorOf(t, shape, want.X)),
		"a tensor of pixels, as rows": fileOf(t, "f.pth", tensorOf(t, []int{n, 784}, units)),
		"folders of pictures":         filestest.Folder(t, pictures),
	}
	for _, name := range slices.Sorted(maps.Keys(paths)) {
		t.Run(name, func(t *testing.T) { checkSame(t, read(t, paths[name], digits, Options{}).Samples, want) })
	}
}

func TestPicturesComeBackBitForBitWhereTheyHaveEightBits(t *testing.T) {
	for name, task := range map[string]*data.Task{"in color": colors, "grey": digits,
		"classes whose names do not sort": data.WellKnownTask("fashion-mnist")} {
		t.Run(name, func(t *testing.T) {
			set := setOf(t, task, photos(task, 2), artifact.F32, data.Formation{})
			out := write(t, set, task, ExportOptions{Form: Pictures})
			if !out.Exact || slices.Contains(codes(out.Notes, files.Warning), "rounded") {
				t.Errorf("exact %t, notes %v", out.Exact, out.Notes)
			}
			for _, path := range []string{out.Dir, filepath.Join(out.Dir, imagesDir)} {
				back := read(t, path, task, Options{})
				checkSame(t, back.Samples, set.Samples)
				if got := codes(back.Notes, files.Assumed); got != nil {
					t.Errorf("assumed %v", got)
				}
			}
		})
	}
	set := setOf(t, digits, noise(digits, 1), artifact.F32, data.Formation{})
	out := write(t, set, digits, ExportOptions{Form: Pictures})
	if out.Exact || !slices.Contains(codes(out.Notes, files.Warning), "rounded") {
		t.Errorf("values beyond 8 bits: exact %t, notes %v", out.Exact, out.Notes)
	}
}

func TestSoftLabelsBesidePicturesKeepTheirOrder(t *testing.T) {
	task := data.WellKnownTask("fashion-mnist")
	set := setOf(t, task, soften(photos(task, 2), true), artifact.F32, data.Formation{})
	out := write(t, set, task, ExportOptions{Form: Pictures})
	checkSame(t, read(t, out.Dir, task, Options{}).Samples, set.Samples)
}
