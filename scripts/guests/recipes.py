"""The guests that scripts/make-guest can build, by name."""
from guests import recipes_arm64, recipes_boot, recipes_storage
from guests.recipe import Base, Recipe

__all__ = ["RECIPES", "Base", "Recipe"]

RECIPES = {recipe.name: recipe for recipe in (*recipes_storage.RECIPES, *recipes_boot.RECIPES, *recipes_arm64.RECIPES)}
