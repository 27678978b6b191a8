package artifact

var goldenTasks = map[string]string{
	"glyph-digits":  "bafkreifb7xvonol3qppnr7y5ppavcj6mvrgkoprk3fnjgdqlrkx7kmovgm",
	"mnist":         "bafkreidixo6wk4damnbura3uzfizvwlgwjw34q2rcsjqy5d4fmbxcwi35m",
	"fashion-mnist": "bafkreiet7iz6yoeyetta3w7umnl5ppmleshcko5kwuxsupvppj4fzl55bu",
	"cifar-10":      "bafkreiagrm2ih4jwalostqzvztevczxrovg2xohe37dwnwcz5iyipruwjq",
	"cifar-100":     "bafkreifhriwjjioxyi4xzszbbl2enrblwlhtbx6ftcod3jr234fbmtdgqu",
}
