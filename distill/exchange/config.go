package exchange

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/distillmesh/distillmesh/train/data"
)

// Config is what config.yaml tells the evaluators of the DD-Ranking package: of label robustness
// with hard or soft labels, and of robustness to augmentation.
type Config struct {
	Recipe
	Dataset   string // as the package calls it; the name of the task for others
	Known     bool   // the package has the data set
	IPC       int
	Shape     data.Shape
	Form      Form
	Labels    bool      // labels.pt is to be given to the evaluator
	Mean, Std []float64 // constants that the package standardizes real images with
	Method    string    // whose recipe it is
}

// config decides what the configuration says.
func (e *exporting) config(method string, opt ExportOptions) Config {
	asked := opt.Recipe
	if asked == "" {
		asked = method
	}
	recipe, own := recipeOf(asked, e.task.Shape)
	if !own {
		e.account.Assume("recipe", "--recipe", "the package has no recipe of method %s: config.yaml has that of dm", asked)
	}
	if opt.Model != "" {
		recipe.Model = opt.Model
	}
	if recipe.ZCA {
		e.account.Warn("zca", "", "the recipe of %s is for whitened images, which these are not: use_zca is false", asked)
		recipe.ZCA = false
	}
	c := Config{Recipe: recipe, Dataset: e.task.Name, Shape: e.task.Shape, Form: opt.Form, Mean: e.task.Mean,
		Std: e.task.Std, Method: asked}
	if !own {
		c.Method = "dm"
	}
	for _, members := range e.samples.ByClass() {
		c.IPC = max(c.IPC, len(members))
	}
	if o := officialOf(e.task); o != nil {
		c.Dataset, c.Known, c.Mean, c.Std = o.name, true, o.mean, o.std
	} else {
		e.account.Warn("dataset", "", "the package has no data set %s: it evaluates the set only after that was added there",
			e.task.Name)
	}
	soft := e.samples.Soft != nil && areDistributions(e.samples)
	if soft && c.SoftMode == "" && opt.Form == Tensor {
		c.SoftMode, c.Criterion, c.Temperature, c.AugmentHard = "S", "sce", 1, true
		c.TeacherNames = []string{c.Model} // labels the random images
	}
	c.Labels = opt.Form == Tensor && (soft && c.SoftMode == "S" || e.samples.Soft == nil && e.each == 0)
	return c
}

// YAML is the configuration with all keys of the evaluators; each reads its own.
func (c Config) YAML() string {
	y := &yaml{}
	y.comment("Configuration of the DD-Ranking package (release 0.2.0), recipe of %s:", c.Method)
	for _, line := range c.usage() {
		y.comment("  %s", line)
	}
	y.section("real data")
	y.text("dataset", c.Dataset).text("real_data_path", "./dataset/").flag("eval_full_data", true)
	y.section("synthetic data")
	y.whole("ipc", c.IPC).line("im_size", fmt.Sprintf("[%d, %d]", c.Shape.H, c.Shape.W))
	y.text("data_format", string(c.Form)).text("random_data_format", string(c.Form)).text("random_data_path",
		"./random_data/")
	y.section("model")
	y.text("model_name", c.Model).flag("use_torchvision", c.Torchvision).flag("stu_use_torchvision", c.Torchvision)
	y.flag("tea_use_torchvision", c.Torchvision).text("teacher_dir", "./teacher_models")
	y.line("teacher_model_names", flow(c.TeacherNames))
	y.section("augmentation")
	y.text("data_aug_func", c.Augment).settings("aug_params", c.Params).flag("use_zca", c.ZCA)
	y.flag("use_aug_for_hard", c.AugmentHard)
	c.transforms(y)
	y.section("labels")
	y.text("label_type", map[bool]string{false: "hard", true: "soft"}[c.SoftMode != ""])
	y.text("soft_label_mode", c.SoftMode).text("soft_label_criterion", c.Criterion)
	c.loss(y)
	y.section("training")
	y.text("optimizer", c.Optimizer).text("lr_scheduler", c.Schedule)
	if c.Step > 0 {
		y.whole("step_size", c.Step)
	} else {
		y.line("step_size", "null")
	}
	y.whole("num_epochs", c.Epochs).number("weight_decay", c.WeightDecay).number("momentum", .9)
	y.number("default_lr", .01).whole("syn_batch_size", c.Batch).whole("real_batch_size", 256).whole("batch_size", c.Batch)
	y.section("evaluation")
	y.whole("num_eval", 5).number("lrs_lambda", .5).number("ars_lambda", .5).whole("num_workers", 4)
	y.text("device", "cuda").flag("dist", false).text("save_path", "./scores.csv")
	return y.out.String()
}

// usage is how the evaluator is called.
func (c Config) usage() []string {
	kind := map[bool]string{false: "Hard", true: "Soft"}[c.SoftMode != ""]
	give := "image_path='" + imagesDir + "'"
	if c.Form == Tensor {
		give = "image_tensor=torch.load('" + imagesFile + "')"
	}
	if c.Labels {
		give += ", " + strings.ToLower(kind) + "_labels=torch.load('" + labelsFile + "')"
	}
	return []string{"evaluator = LabelRobustScore" + kind + "(Config.from_file('" + configFile + "'))",
		"evaluator.compute_metrics(" + give + ")"}
}

// loss writes the settings of the loss, which older releases read beside it.
func (c Config) loss(y *yaml) {
	if c.Criterion == "" {
		y.line("loss_fn_kwargs", "null").line("temperature", "null")
		return
	}
	y.line("loss_fn_kwargs", "").line("  temperature", short(c.Temperature)).line("  scale_loss", "false")
	y.number("temperature", c.Temperature)
}

// transforms writes how pictures become tensors; tensors are as they are.
func (c Config) transforms(y *yaml) {
	if c.Form == Tensor {
		y.line("custom_train_trans", "null").line("custom_val_trans", "null")
		return
	}
	y.line("custom_train_trans", "")
	if c.Pad > 0 {
		y.transform("RandomCrop", "size", strconv.Itoa(c.Shape.H), "padding", strconv.Itoa(c.Pad))
	}
	if c.CropLow > 0 {
		y.transform("RandomResizedCrop", "size", strconv.Itoa(c.Shape.H), "scale", numbers([]float64{c.CropLow, 1}))
	}
	if c.Flip {
		y.transform("RandomHorizontalFlip", "p", "0.5")
	}
	y.transform("ToTensor")
	y.transform("Normalize", "mean", numbers(c.Mean), "std", numbers(c.Std))
	y.line("custom_val_trans", "null")
}

// yaml writes a document of one level, with lists of transforms.
type yaml struct{ out strings.Builder }

func (y *yaml) comment(format string, args ...any) {
	fmt.Fprintf(&y.out, "# "+format+"\n", args...)
}

func (y *yaml) section(name string) { fmt.Fprintf(&y.out, "\n# %s\n", name) }

func (y *yaml) line(key, value string) *yaml {
	y.out.WriteString(strings.TrimRight(key+": "+value, " ") + "\n")
	return y
}

// text writes a string; null for an empty one.
func (y *yaml) text(key, value string) *yaml {
	if value == "" {
		return y.line(key, "null")
	}
	return y.line(key, quoted(value))
}

func (y *yaml) flag(key string, value bool) *yaml { return y.line(key, strconv.FormatBool(value)) }

func (y *yaml) whole(key string, value int) *yaml { return y.line(key, strconv.Itoa(value)) }

func (y *yaml) number(key string, value float64) *yaml { return y.line(key, short(value)) }

func (y *yaml) settings(key string, all []Setting) *yaml {
	if len(all) == 0 {
		return y.line(key, "null")
	}
	y.line(key, "")
	for _, s := range all {
		y.line("  "+s.Name, short(s.Value))
	}
	return y
}

// transform writes one transform with its arguments, names and values alternating.
func (y *yaml) transform(name string, args ...string) {
	y.line("  - name", name)
	if len(args) > 0 {
		y.line("    args", "")
	}
	for i := 0; i < len(args); i += 2 {
		y.line("      "+args[i], args[i+1])
	}
}

// short is a number as YAML 1.1 takes it for one: with a point, and without an exponent.
func short(v float64) string {
	text := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

func numbers(all []float64) string {
	var out []string
	for _, v := range all {
		out = append(out, short(v))
	}
	return "[" + strings.Join(out, ", ") + "]"
}

func flow(all []string) string {
	if all == nil {
		return "null"
	}
	var out []string
	for _, s := range all {
		out = append(out, quoted(s))
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// quoted is a string of JSON, which is one of YAML.
func quoted(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string
	}
	return string(text)
}
