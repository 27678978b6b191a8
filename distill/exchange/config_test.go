package exchange

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/files"
)

var rewrite = flag.Bool("rewrite", false, "write the golden configurations anew")

func TestAPlainReaderFindsTheTensorsThatWereWritten(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("needs python3")
	}
	set := setOf(t, colors, soften(noise(colors, 1), true), artifact.F32, data.Formation{})
	out := write(t, set, colors, ExportOptions{})
	images, labels := filepath.Join(out.Dir, imagesFile), filepath.Join(out.Dir, labelsFile)
	printed, err := exec.Command(python, filepath.Join("testdata", "check.py"), images, labels).Output()
	if err != nil {
		t.Fatal(err, string(err.(*exec.ExitError).Stderr))
	}
	var seen map[string]struct {
		Size, Stride    []int
		Storage, SHA256 string
		Names           []string
	}
	if err := json.Unmarshal(printed, &seen); err != nil {
		t.Fatal(err)
	}
	digest := func(x []float32) string {
		sum := sha256.Sum256(floats(x))
		return hex.EncodeToString(sum[:])
	}
	names := []string{"byteorder", "data.pkl", "data/0", "extra/" + recordFile, "version"}
	for path, want := range map[string]struct {
		size, stride []int
		sha256       string
	}{
		images: {[]int{10, 3, 32, 32}, []int{3072, 1024, 32, 1},
			digest(standardized(set.Samples.X, colors, cifarMean, cifarStd))},
		labels: {[]int{10, 10}, []int{10, 1}, digest(logits(set.Samples.Soft))},
	} {
		got := seen[path]
		if !slices.Equal(got.Size, want.size) || !slices.Equal(got.Stride, want.stride) || got.SHA256 != want.sha256 ||
			got.Storage != "FloatStorage" || !slices.Equal(got.Names, names) {
			t.Errorf("%s: %+v, want %+v", filepath.Base(path), got, want)
		}
	}
}

func TestConfigurationsHaveTheRecipesOfThePackage(t *testing.T) {
	for name, c := range map[string]struct {
		task *data.Task
		soft bool
		opt  ExportOptions
	}{
		"dm":          {colors, false, ExportOptions{Recipe: "dm"}},
		"dc":          {colors, false, ExportOptions{Recipe: "dc", Model: "ResNet-18-BN"}},
		"soft":        {colors, true, ExportOptions{Recipe: "dm"}},
		"datm":        {colors, true, ExportOptions{Recipe: "datm"}},
		"rded-images": {colors, false, ExportOptions{Recipe: "rded", Form: Pictures}},
		"sre2l":       {colors, false, ExportOptions{Recipe: "sre2l", Form: Pictures}},
		"other-task":  {digits, false, ExportOptions{}},
	} {
		t.Run(name, func(t *testing.T) {
			s := photos(c.task, 1)
			if c.soft {
				soften(s, true)
			}
			out := write(t, setOf(t, c.task, s, artifact.F32, data.Formation{}), c.task, c.opt)
			got, err := os.ReadFile(filepath.Join(out.Dir, configFile))
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name+".yaml")
			if *rewrite {
				if err := os.WriteFile(golden, got, 0o666); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want) {
				t.Errorf("%s is\n%s\nwant\n%s", configFile, got, want)
			}
			if whitened := slices.Contains(codes(out.Notes, files.Warning), "zca"); whitened != (name == "datm") {
				t.Errorf("warned of whitened images: %t", whitened)
			}
			unknown := slices.Contains(codes(out.Notes, files.Warning), "dataset")
			if unknown != (c.task == digits) || out.Config.Known == unknown {
				t.Errorf("the package has the data set: %t, %v", out.Config.Known, out.Lines())
			}
		})
	}
}

// keys are those that the evaluators of the package read from a configuration.
var keys = strings.Fields(`dataset real_data_path ipc im_size model_name eval_full_data data_format syn_batch_size
	real_batch_size batch_size optimizer lr_scheduler step_size num_epochs weight_decay momentum num_eval data_aug_func
	aug_params use_zca soft_label_mode soft_label_criterion temperature loss_fn_kwargs teacher_dir teacher_model_names
	use_torchvision stu_use_torchvision tea_use_torchvision custom_train_trans custom_val_trans use_aug_for_hard label_type
	lrs_lambda ars_lambda save_path device dist default_lr num_workers random_data_format random_data_path`)

func TestConfigurationsHaveEveryKeyOnce(t *testing.T) {
	recipe, _ := recipeOf("dm", colors.Shape)
	c := Config{Recipe: recipe, Dataset: "CIFAR10", IPC: 1, Shape: colors.Shape, Form: Tensor}
	var got []string
	for _, line := range strings.Split(c.YAML(), "\n") {
		if key, _, ok := strings.Cut(line, ":"); ok && !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "#") {
			got = append(got, key)
		}
	}
	slices.Sort(got)
	if want := slices.Sorted(slices.Values(keys)); !slices.Equal(got, want) {
		t.Errorf("keys %v, want %v", got, want)
	}
}

func TestRecipesSuitTheSizeOfImages(t *testing.T) {
	for _, c := range []struct {
		method, model string
		side, epochs  int
		own           bool
	}{
		{"dm", "ConvNet-3", 28, 1000, true}, {"mtt", "ConvNet-4", 64, 1000, true}, {"att", "ConvNet-5", 128, 1000, true},
		{"rded", "ConvNet-3-BN", 32, 300, true}, {"rded", "ResNet-18-BN", 64, 300, true}, {"d4m", "ConvNet-3", 32, 500, true},
		{"sre2l", "ResNet-18-BN", 64, 400, true}, {"sre2l", "ResNet-18-BN", 224, 300, true},
		{"dwa", "ResNet-18-BN", 224, 300, true},
		{"kip", "ConvNet-3", 32, 1000, false},
	} {
		r, own := recipeOf(c.method, data.Shape{C: 3, H: c.side, W: c.side})
		if r.Model != c.model || r.Epochs != c.epochs || own != c.own {
			t.Errorf("%s at %d pixels: %s for %d epochs, own %t; want %+v", c.method, c.side, r.Model, r.Epochs, own, c)
		}
	}
}

func TestWhatCannotBeExportedIsRefused(t *testing.T) {
	set := setOf(t, digits, noise(digits, 1), artifact.F32, data.Formation{})
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "x"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	_, err := Write(full, set, digits, ExportOptions{})
	checkRefused(t, err, ErrExport, "empty")
	_, err = Write(t.TempDir(), set, colors, ExportOptions{})
	checkRefused(t, err, ErrExport, "mnist")
	_, err = Write(t.TempDir(), set, digits, ExportOptions{Form: "jpeg"})
	checkRefused(t, err, ErrOption, "tensor or image")
	table := data.Task{Name: "table", Classes: []string{"a", "b"}, Shape: data.Shape{C: 1, H: 1, W: 6}, Mean: []float64{0},
		Std: []float64{1}}.Filled()
	rows := setOf(t, table, noise(table, 2), artifact.F32, data.Formation{})
	_, err = Write(t.TempDir(), rows, table, ExportOptions{Form: Pictures})
	checkRefused(t, err, ErrExport, "tensor")
	checkSame(t, read(t, write(t, rows, table, ExportOptions{}).Dir, table, Options{}).Samples, rows.Samples)
}
