// Package config has the settings of a node: their definitions, and their values from flags,
// variables and a file. Its values with bounds are also those of the flags of the other commands.
package config
