package data

import "strings"

// The well-known tasks come with the program, so that two devices that register
// MNIST join the same task without coordination. Their documents, and so
// their CIDs, must never change.

func digitNames() []string { return strings.Fields("0 1 2 3 4 5 6 7 8 9") }

func wellKnown(name string, classes []string, shape Shape, mean, std []float64) *Task {
	return &Task{Version: TaskVersion, Name: name, Classes: classes, Shape: shape, Mean: mean, Std: std}
}

var wellKnownTasks = []*Task{
	wellKnown("glyph-digits", digitNames(), Shape{1, 28, 28}, []float64{glyphMean}, []float64{glyphStd}),
	wellKnown("mnist", digitNames(), Shape{1, 28, 28}, []float64{.1307}, []float64{.3081}),
	wellKnown("fashion-mnist", []string{"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt",
		"Sneaker", "Bag", "Ankle boot"},
		Shape{1, 28, 28}, []float64{.2860}, []float64{.3530}),
	wellKnown("cifar-10", strings.Fields("airplane automobile bird cat deer dog frog horse ship truck"),
		Shape{3, 32, 32}, []float64{.4914, .4822, .4465}, []float64{.2470, .2435, .2616}),
	wellKnown("cifar-100", strings.Fields(cifar100Names),
		Shape{3, 32, 32}, []float64{.5071, .4865, .4409}, []float64{.2673, .2564, .2762}),
}

// suited are their augmentations. A mirrored digit is no digit, but a mirrored cat
// is a cat; shoes of Fashion-MNIST all point to the left.
var suited = map[string]string{"glyph-digits": "affine", "mnist": "affine", "fashion-mnist": "mild",
	"cifar-10": "mild-flip", "cifar-100": "mild-flip"}

const cifar100Names = `apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly
camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin
elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man
maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain
plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake
spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle
wardrobe whale willow_tree wolf woman worm`

// WellKnownTasks lists the tasks that come with the program. The caller must
// not change them.
func WellKnownTasks() []*Task { return wellKnownTasks }

// WellKnownTask finds a task that comes with the program by name, or nil.
func WellKnownTask(name string) *Task {
	for _, t := range wellKnownTasks {
		if t.Name == name {
			return t
		}
	}
	return nil
}
